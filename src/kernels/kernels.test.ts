import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { attention, causalMask } from './attention.js';
import { embed } from './embedding.js';
import { linear } from './linear.js';
import { rmsNorm } from './rms-norm.js';
import { rotaryTables, rotate } from './rotary.js';
import { swiglu } from './swiglu.js';
import { tokenEntropy } from './token-entropy.js';
import { tokenLogProbs } from './token-log-probs.js';

const random = (name: string, shape: number[]): tf.Tensor =>
  tf.tensor(normalValues(uniformStream('kernels', name), tf.util.sizeFromShape(shape)), shape);

/** Compares values and gradients of a kernel with those of the textbook composition, on the cpu backend. */
async function matches(
  kernel: (...inputs: tf.Tensor[]) => tf.Tensor,
  textbook: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
): Promise<void> {
  const run = async (f: typeof kernel) => {
    const value = f(...inputs);
    const weight = random('upstream', value.shape);
    const gradients = tf.grads((...xs) => tf.sum(tf.mul(f(...xs), weight)))(inputs);
    return Promise.all([value, ...gradients].map((t) => t.data()));
  };
  const backend = tf.getBackend();
  // The only backend with a default gradient for every stock op. Before the kernel: what is on a GPU can't move there.
  await tf.setBackend('cpu');
  const expected = await run(textbook).finally(() => tf.setBackend(backend));
  const got = await run(kernel);
  expect(got.length).toBe(expected.length);
  got.forEach((values, i) => void expect(values).toBeAllclose(expected[i] as Float32Array, 2e-5));
}

describeOnBackends('kernels match their textbook composition in value and gradient', () => {
  it('linear', () =>
    matches(
      (x, w) => linear(x as tf.Tensor2D, w as tf.Tensor2D),
      (x, w) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D),
      [random('x', [7, 5]), random('w', [5, 3])],
    ));

  it('embedding, with repeated ids', () => {
    // Made anew: TensorFlow's native gather reads ids where it runs, and these would have moved to the cpu backend.
    const ids = () => tf.tensor1d([3, 0, 3, 1], 'int32');
    return matches(
      (table) => embed(table as tf.Tensor2D, ids()),
      (table) => tf.matMul(tf.oneHot(ids(), 4) as tf.Tensor2D, table as tf.Tensor2D),
      [random('table', [4, 6])],
    );
  });

  it('rmsNorm', () =>
    matches(
      (x, g) => rmsNorm(x as tf.Tensor2D, g as tf.Tensor1D, 1e-6),
      (x, g) => tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-6))), g),
      [random('x', [5, 8]), random('g', [8])],
    ));

  it('swiglu', () =>
    matches(
      (g, u) => swiglu(g as tf.Tensor2D, u as tf.Tensor2D),
      (g, u) => tf.mul(tf.mul(g, tf.sigmoid(g)), u),
      [random('g', [5, 8]), random('u', [5, 8])],
    ));

  it('rotate', () => {
    const tables = rotaryTables([0, 1, 2], 4);
    return matches(
      (x) => rotate(x as tf.Tensor4D, tables),
      (x) => {
        const [a, b] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
        return tf.add(tf.mul(x, tables.cos), tf.mul(tf.concat([tf.neg(b), a], -1), tables.sin));
      },
      [random('x', [2, 3, 2, 4])],
    );
  });

  it('attention', () => {
    const mask = causalMask(5);
    return matches(
      (q, k, v) => attention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, mask),
      (q, k, v) => tf.matMul(tf.softmax(tf.add(tf.div(tf.matMul(q, k, false, true), Math.sqrt(4)), mask)), v),
      ['q', 'k', 'v'].map((name) => random(name, [2, 3, 5, 4])),
    );
  });

  it('tokenLogProbs, also for very confident and very unlikely tokens', () => {
    const targets = tf.tensor1d([0, 2, 1], 'int32');
    return matches(
      (z) => tokenLogProbs(z as tf.Tensor2D, targets),
      (z) => tf.sum(tf.mul(tf.logSoftmax(z), tf.oneHot(targets, 4)), -1),
      [tf.tensor2d([30, 0, 1, 2, 40, 0, -40, 1, 0.1, 0.2, 0.3, 0.4], [3, 4])],
    );
  });
});

describeOnBackends('tokenEntropy', () => {
  it('matches its textbook composition, also for sure and for dropped tokens', () =>
    matches(
      (z) => tokenEntropy(z as tf.Tensor2D),
      (z) => tf.neg(tf.sum(tf.mul(tf.softmax(z), tf.logSoftmax(z)), -1)),
      [tf.tensor2d([30, 0, 1, 2, 0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4, -1e9, 1, 2, -1e9], [4, 4])],
    ));

  it('is log V for even odds, 0 for a sure token, and leaks nothing', async () => {
    const logits = tf.tensor2d([5, 5, 5, 5, 100, 0, 0, 0], [2, 4]);
    expect(await tokenEntropy(logits).data()).toBeAllclose([Math.log(4), 0]);
    await expectNoLeak(() => {
      tf.dispose(tf.valueAndGrad((z) => tf.sum(tokenEntropy(z as tf.Tensor2D)))(logits) as never);
    });
  });
});

describeOnBackends('kernels', () => {
  it('rotate by the angle of each position', async () => {
    // D = 2: the plain rotation of a plane vector by 1 radian a position.
    const tables = rotaryTables([3], 2);
    const turned = rotate(tf.tensor4d([1, 0], [1, 1, 1, 2]), tables);
    expect(await turned.data()).toBeAllclose([Math.cos(3), Math.sin(3)]);
    const perRow = rotate(tf.tensor4d([1, 0, 1, 0], [2, 1, 1, 2]), rotaryTables([1, 2], 2));
    expect(await perRow.data()).toBeAllclose([Math.cos(1), Math.sin(1), Math.cos(2), Math.sin(2)]);
  });

  it('leave no tensors behind', async () => {
    const [x, w] = [random('x', [4, 4]) as tf.Tensor2D, random('w', [4, 4]) as tf.Tensor2D];
    const gain = tf.ones([4]) as tf.Tensor1D;
    const ids = tf.tensor1d([1, 2], 'int32');
    await expectNoLeak(() => {
      const { value, grads } = tf.valueAndGrads((a, b) => {
        const h = swiglu(linear(a as tf.Tensor2D, b as tf.Tensor2D), rmsNorm(a as tf.Tensor2D, gain));
        return tf.sum(tokenLogProbs(embed(h, ids), ids)) as tf.Scalar;
      })([x, w]);
      tf.dispose([value, ...grads]);
    });
  });

  it('refuse shapes that would broadcast', () => {
    expect(() => linear(tf.zeros([2, 3]), tf.zeros([2, 3]))).toThrow(/linear: weight/);
    expect(() => rmsNorm(tf.zeros([2, 3]), tf.zeros([1]))).toThrow(/rmsNorm: gain/);
    expect(() => tokenLogProbs(tf.zeros([2, 3]), tf.zeros([1], 'int32'))).toThrow(/targets/);
  });
});
