import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { normal, take, withComposed } from '../../test/support/kernel-properties.js';
import { logSumExp } from '../../test/support/kernel-references.js';
import { peakBytes } from '../../test/support/peak-bytes.js';
import { uniformInteger, uniformStream } from '../tensor/noise.js';
import { currentKernels } from './choice.js';
import { type HeadLogProbsOptions, headLogProbs, type OutputHead } from './head-log-probs.js';
import { linear } from './linear.js';
import { tokenLogProbs } from './token-log-probs.js';

const [POSITIONS, WIDTH, VOCABULARY] = [13, 6, 29];

interface Case {
  readonly name: string;
  /** Columns of each weight. */
  readonly columns: readonly number[];
  readonly biased?: boolean;
  readonly options: HeadLogProbsOptions;
}

const CASES: readonly Case[] = [
  { name: 'one weight, all rows', columns: [29], options: {} },
  { name: 'one weight, rows in pieces with a remainder', columns: [29], options: { rows: 5 } },
  { name: 'several weights', columns: [10, 7, 12], options: { rows: 4, temperature: 0.7 } },
  { name: 'biases', columns: [20, 9], biased: true, options: { rows: 6, temperature: 1.3 } },
  { name: 'one row at a time', columns: [1, 28], biased: true, options: { rows: 1 } },
];

const targets = Int32Array.from({ length: POSITIONS }, (_, i) => (i * 11 + 3) % VOCABULARY);

/** Hidden states, a head of variables and upstream gradients. */
function problem({ columns, biased }: Case, scale = 1) {
  const hidden = normal('hidden', [POSITIONS, WIDTH], scale);
  const whole = normal('head', [WIDTH, VOCABULARY]);
  const shift = normal('bias', [VOCABULARY]);
  const cut = <T extends tf.Tensor>(x: T, axis: number): T[] =>
    (columns.length === 1 ? [tf.clone(x)] : tf.split(x, [...columns], axis)) as T[];
  const variables = <T extends tf.Tensor>(pieces: T[]): T[] =>
    pieces.map((piece) => {
      const made = tf.variable(piece) as unknown as T;
      piece.dispose();
      return made;
    });
  const head: OutputHead = {
    weights: variables(cut(whole, 1)),
    ...(biased ? { biases: variables(cut(shift, 0)) } : {}),
  };
  tf.dispose([whole, shift]);
  return { hidden, head, dy: normal('dy', [POSITIONS]) };
}

/** All logits at once. */
function plain(hidden: tf.Tensor2D, { weights, biases }: OutputHead, { temperature = 1 }): tf.Tensor1D {
  return tf.tidy(() => {
    const products = weights.map((w, i) => {
      const product = linear(hidden, w);
      return biases ? tf.add(product, biases[i] as tf.Tensor1D) : product;
    });
    const logits = tf.concat(products as tf.Tensor2D[], 1);
    return tokenLogProbs(tf.div(logits, temperature), tf.tensor1d(targets, 'int32'));
  });
}

/** The value and the gradients of hidden states and everything in the head. */
async function valueAndGradients(
  { hidden, head, dy }: ReturnType<typeof problem>,
  compute: (hidden: tf.Tensor2D) => tf.Tensor1D,
): Promise<Float32Array[]> {
  const parts = [...head.weights, ...(head.biases ?? [])] as tf.Tensor[];
  const before = tf.memory().numTensors;
  const { value, grads } = tf.valueAndGrads((h) => compute(h as tf.Tensor2D))([hidden, ...parts], dy);
  expect(tf.memory().numTensors - before, 'tensors that gradients leave').toBe(2 + parts.length);
  return Promise.all([value, ...grads].map(take));
}

describeOnBackends('headLogProbs', () => {
  for (const kernels of ['fused', 'composed'] as const) {
    const run = <R>(action: () => Promise<R>): Promise<R> =>
      kernels === 'composed' ? withComposed(action) : action();
    for (const each of CASES) {
      it(`is tokenLogProbs of all logits, in value and gradients: ${each.name}, ${kernels}`, () =>
        run(async () => {
          const made = problem(each);
          const expected = await valueAndGradients(made, (h) => plain(h, made.head, each.options));
          const got = await valueAndGradients(made, (h) => headLogProbs(h, made.head, targets, each.options));
          expect(got.length).toBe(expected.length);
          got.forEach((values, i) => void expect(values).toBeAllclose(expected[i] as Float32Array, 2e-6));
          tf.dispose([made.hidden, made.dy, ...made.head.weights, ...(made.head.biases ?? [])]);
        }));
    }

    it(`is a float64 reference for logits from −100 to 100, ${kernels}`, () =>
      run(async () => {
        for (const columns of [[29], [8, 21]]) {
          const { hidden, head, dy } = problem({ name: '', columns, options: {} }, 20);
          const [h, whole] = await Promise.all([
            hidden.data(),
            take(tf.tidy(() => tf.concat([...head.weights], 1))),
          ]);
          const logits = Array.from({ length: POSITIONS }, (_, m) =>
            Array.from({ length: VOCABULARY }, (_, v) => {
              let sum = 0;
              for (let k = 0; k < WIDTH; k++) {
                sum += (h[m * WIDTH + k] as number) * (whole[k * VOCABULARY + v] as number);
              }
              return sum;
            }),
          );
          expect(Math.max(...logits.flat())).toBeGreaterThan(80);
          const expected = logits.map((row, m) => (row[targets[m] as number] as number) - logSumExp(row));
          const got = await take(headLogProbs(hidden, head, targets, { rows: 4 }));
          expect(got).toBeAllclose(expected, 1e-6);
          // The gradient of hidden states: W · (onehot − softmax).
          const upstream = await dy.data();
          const gradient = logits.flatMap((row, m) => {
            const norm = logSumExp(row);
            return Array.from({ length: WIDTH }, (_, k) =>
              row.reduce((sum, z, v) => {
                const hit = v === targets[m] ? 1 : 0;
                return (
                  sum +
                  (upstream[m] as number) * (hit - Math.exp(z - norm)) * (whole[k * VOCABULARY + v] as number)
                );
              }, 0),
            );
          });
          const dh = tf.grad((x) => headLogProbs(x as tf.Tensor2D, head, targets, { rows: 4 }))(hidden, dy);
          // Normalisers of magnitude 100 are exact to 4e-6, and probabilities relatively so.
          expect(await take(dh)).toBeAllclose(gradient, 1e-5);
          tf.dispose([hidden, dy, ...head.weights]);
        }
      }));
  }

  it('is tokenLogProbs bit for bit where nothing is cut', async () => {
    const { hidden, head } = problem(CASES[0] as Case);
    const [got, expected] = [headLogProbs(hidden, head, targets), plain(hidden, head, {})];
    expect(await take(got)).toEqual(await take(expected));
  });

  it('trains variables, and what it is told to', async () => {
    const { hidden, head, dy } = problem(CASES[2] as Case);
    const frozen = head.weights.map((w) => tf.clone(w) as tf.Tensor2D);
    const mixed = { weights: [frozen[0], head.weights[1], frozen[2]] as tf.Tensor2D[] };
    const gradientsOf = (options: HeadLogProbsOptions) => () =>
      tf.grads((...inputs) => headLogProbs(inputs[0] as tf.Tensor2D, mixed, targets, options))(
        [hidden, ...mixed.weights],
        dy,
      );
    expect(gradientsOf({})).toThrow(/Cannot compute gradient/);
    const { grads } = tf.valueAndGrads((h, w) =>
      headLogProbs(
        h as tf.Tensor2D,
        { weights: [frozen[0] as tf.Tensor2D, w as tf.Tensor2D, frozen[2] as tf.Tensor2D] },
        targets,
      ),
    )([hidden, head.weights[1] as tf.Tensor], dy);
    const chosen = gradientsOf({ trained: mixed.weights })();
    expect(await take(chosen[2] as tf.Tensor)).toEqual(await take(grads[1] as tf.Tensor));
    expect(chosen[3]?.shape).toEqual([WIDTH, 12]);
  });

  it('takes targets that are a tensor', async () => {
    const { hidden, head } = problem(CASES[2] as Case);
    const ids = tf.tensor1d(targets, 'int32');
    const [got, expected] = [headLogProbs(hidden, head, ids), headLogProbs(hidden, head, targets)];
    expect(await take(got)).toEqual(await take(expected));
    expect(ids.isDisposed).toBe(false);
  });

  it('leaves nothing behind without gradients', () =>
    expectNoLeak(() => {
      const weight = normal('w', [4, 9]);
      const hidden = normal('h', [3, 4]);
      headLogProbs(hidden, { weights: [weight] }, Int32Array.of(1, 8, 0), { rows: 2 }).dispose();
      tf.dispose([weight, hidden]);
    }));

  it('holds logits of a few positions at a time', async () => {
    const [positions, width, vocabulary, rows] = [64, 8, 4096, 4];
    const hidden = normal('h', [positions, width]);
    const weights = [normal('w', [width, vocabulary])];
    const stream = uniformStream('targets', 'peak');
    const ids = Int32Array.from({ length: positions }, () => uniformInteger(stream, vocabulary));
    const peak = (compute: (h: tf.Tensor2D) => tf.Tensor1D): number =>
      peakBytes(() =>
        tf
          .grad((h) => compute(h as tf.Tensor2D))(hidden)
          .dispose(),
      );
    const chunk = rows * vocabulary * 4;
    const chunked = (): number => peak((h) => headLogProbs(h, { weights }, ids, { rows }));
    const small = positions * width * 4 * 6;
    expect(await withComposed(chunked)).toBeLessThan(4 * chunk + small);
    const fused = tf.getBackend() === 'wasm' && currentKernels().kernels === 'fused';
    if (fused) expect(chunked()).toBeLessThan(2 * chunk + small);
    const whole = peak((h) =>
      tf.tidy(() => tokenLogProbs(linear(h, weights[0] as tf.Tensor2D), tf.tensor1d(ids, 'int32'))),
    );
    expect(whole).toBeGreaterThan(2 * 16 * chunk);
    tf.dispose([hidden, ...weights]);
  });

  it('says what is wrong with its arguments', () => {
    const [hidden, weight] = [tf.zeros([2, 3]) as tf.Tensor2D, tf.zeros([3, 5]) as tf.Tensor2D];
    const ids = Int32Array.of(0, 4);
    const head = { weights: [weight] };
    expect(() => headLogProbs(tf.zeros([0, 3]), head, new Int32Array())).toThrow(/at least one position/);
    expect(() => headLogProbs(hidden, { weights: [] }, ids)).toThrow(/no weights/);
    expect(() => headLogProbs(hidden, { weights: [tf.zeros([2, 5])] }, ids)).toThrow(/weight 0/);
    expect(() => headLogProbs(hidden, { ...head, biases: [] }, ids)).toThrow(/biases/);
    expect(() => headLogProbs(hidden, { ...head, biases: [tf.zeros([4])] }, ids)).toThrow(/bias 0/);
    expect(() => headLogProbs(hidden, head, Int32Array.of(0, 5))).toThrow(/target 5 at position 1/);
    expect(() => headLogProbs(hidden, head, Int32Array.of(0))).toThrow(/targets/);
    expect(() => headLogProbs(hidden, head, ids, { temperature: 0 })).toThrow(/temperature/);
    expect(() => headLogProbs(hidden, head, ids, { rows: 0 })).toThrow(/rows/);
    expect(() => headLogProbs(hidden, head, ids, { trained: [hidden] })).toThrow(/trained/);
  });
});
