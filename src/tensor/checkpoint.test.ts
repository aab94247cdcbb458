import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { normal, withComposed } from '../../test/support/kernel-properties.js';
import { peakBytes } from '../../test/support/peak-bytes.js';
import { causalAttention } from '../kernels/causal-attention.js';
import { embed } from '../kernels/embedding.js';
import { linear, projections } from '../kernels/linear.js';
import { addRmsNorm, rmsNorm } from '../kernels/rms-norm.js';
import { type RotaryTables, rotaryTables } from '../kernels/rotary.js';
import { swiglu } from '../kernels/swiglu.js';
import { checkpoint } from './checkpoint.js';

const [SEQUENCES, LENGTH, HEADS, WIDTH, HIDDEN, BLOCKS] = [2, 6, 2, 8, 12, 3];

interface Block {
  readonly norms: tf.Variable<tf.Rank.R1>[];
  readonly square: tf.Variable<tf.Rank.R2>[];
  readonly gated: tf.Variable<tf.Rank.R2>[];
  readonly down: tf.Variable<tf.Rank.R2>;
}

const variablesOf = ({ norms, square, gated, down }: Block): tf.Variable[] => [
  ...norms,
  ...square,
  ...gated,
  down,
];

function makeBlock(i: number): Block {
  const matrix = (name: string, rows: number, columns: number) =>
    tf.variable(normal(`${name} ${i}`, [rows, columns], 1 / Math.sqrt(rows)));
  return {
    norms: ['a', 'b'].map((name) =>
      tf.variable(tf.add(1, normal(`norm ${name} ${i}`, [WIDTH], 0.1)) as tf.Tensor1D),
    ),
    square: ['q', 'k', 'v', 'o'].map((name) => matrix(name, WIDTH, WIDTH)),
    gated: ['gate', 'up'].map((name) => matrix(name, WIDTH, HIDDEN)),
    down: matrix('down', HIDDEN, WIDTH),
  };
}

/** A block of a transformer, of bicot's kernels. */
function runBlock({ norms, square, gated, down }: Block, x: tf.Tensor2D, tables: RotaryTables): tf.Tensor2D {
  const [wq, wk, wv, wo] = square as unknown as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const [first, second] = norms as unknown as [tf.Tensor1D, tf.Tensor1D];
  const [q, k, v] = projections(rmsNorm(x, first), [wq, wk, wv]) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const attended = causalAttention(q, k, v, tables, HEADS);
  const { stream, normed } = addRmsNorm(x, linear(attended, wo), second);
  const [gate, up] = projections(normed, gated) as [tf.Tensor2D, tf.Tensor2D];
  return tf.add(stream, linear(swiglu(gate, up), down));
}

const asTables = ([cos, sin, half, halfTransposed]: tf.Tensor[]): RotaryTables =>
  ({ cos, sin, half, halfTransposed, dispose() {} }) as RotaryTables;

type Wrap = 'plain' | 'each' | 'nested';

/** A loss of a stack of blocks; tables and inputs are made inside, and gone when the backward pass begins. */
function stackLoss(blocks: readonly Block[], table: tf.Tensor2D, ids: tf.Tensor1D, wrap: Wrap): tf.Scalar {
  const tables = rotaryTables(
    Array.from({ length: LENGTH }, (_, p) => p),
    WIDTH / HEADS,
  );
  const constants = [tables.cos, tables.sin, tables.half, tables.halfTransposed];
  const block =
    (each: Block) =>
    (x: tf.Tensor, ...made: tf.Tensor[]) =>
      runBlock(each, x as tf.Tensor2D, asTables(made));
  const all = blocks.flatMap(variablesOf);
  const inTurn = (x: tf.Tensor, ...made: tf.Tensor[]): tf.Tensor =>
    blocks.reduce(
      (stream: tf.Tensor, each) =>
        wrap === 'plain'
          ? block(each)(stream, ...made)
          : checkpoint(block(each), [stream], variablesOf(each), made),
      x,
    );
  const x = embed(table, ids);
  const stream = wrap === 'nested' ? checkpoint(inTurn, [x], all, constants) : inTurn(x, ...constants);
  // Twice, so that the gradient of a checkpoint's result is a sum.
  return tf.add(tf.sum(tf.mul(stream, normal('one', stream.shape))), tf.mean(tf.square(stream)));
}

async function stackGradients(wrap: Wrap): Promise<Float32Array[]> {
  const blocks = Array.from({ length: BLOCKS }, (_, i) => makeBlock(i));
  const table = tf.variable(normal('table', [5, WIDTH]));
  const ids = tf.tensor1d(
    Array.from({ length: SEQUENCES * LENGTH }, (_, i) => (i * 3) % 5),
    'int32',
  );
  const variables = [table, ...blocks.flatMap(variablesOf)] as tf.Variable[];
  const before = tf.memory().numTensors;
  const { value, grads } = tf.variableGrads(() => stackLoss(blocks, table, ids, wrap), variables);
  expect(tf.memory().numTensors - before, 'tensors that gradients leave').toBe(1 + variables.length);
  const read = await Promise.all(
    [value, ...variables.map(({ name }) => grads[name] as tf.Tensor)].map((tensor) => tensor.data()),
  );
  tf.dispose([value, grads, ...variables, ids] as tf.TensorContainer);
  return read as Float32Array[];
}

describeOnBackends('checkpoint', () => {
  for (const kernels of ['fused', 'composed'] as const) {
    const run = <R>(action: () => Promise<R>): Promise<R> =>
      kernels === 'composed' ? withComposed(action) : action();
    for (const wrap of ['each', 'nested'] as const) {
      it(`gives the gradients of a stack of blocks, ${wrap}, ${kernels}`, () =>
        run(async () => {
          const expected = await stackGradients('plain');
          const got = await stackGradients(wrap);
          expect(got.length).toBe(2 + BLOCKS * 9);
          got.forEach((values, i) => void expect(values).toBeAllclose(expected[i] as Float32Array, 1e-6));
        }));
    }
  }

  it('works under tf.grads, tf.valueAndGrads and in a tidy, with several inputs', async () => {
    const [a, b] = [normal('a', [3, 4]), normal('b', [4, 2])];
    const product = (x: tf.Tensor, w: tf.Tensor) => tf.sigmoid(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D));
    const saved = (x: tf.Tensor, w: tf.Tensor) => checkpoint(product, [x, w]);
    await expectNoLeak(async () => {
      const expected = tf.grads(product)([a, b]);
      const got = tf.grads(saved)([a, b]);
      const tidied = tf.tidy(() => tf.valueAndGrads(saved)([a, b]).grads);
      for (const each of [got, tidied]) {
        for (const i of [0, 1]) {
          expect(await each[i]?.data()).toBeAllclose((await expected[i]?.data()) as Float32Array, 1e-6);
        }
      }
      tf.dispose([...expected, ...got, ...tidied]);
    });
  });

  it('leaves an upstream gradient to its caller', async () => {
    const [x, dy] = [normal('x', [3]), normal('dy', [3])];
    await expectNoLeak(async () => {
      // What compute returns is its input itself, and both ways lead to x.
      const dx = tf.grad((input) =>
        tf.add(
          checkpoint((y) => y, [input]),
          tf.mul(input, 2),
        ),
      )(x, dy);
      expect(await dx.data()).toBeAllclose((await tf.mul(dy, 3).data()) as Float32Array);
      dx.dispose();
      const alone = tf.grad((input) => checkpoint((y) => y, [input]))(x, dy);
      expect(dy.isDisposed).toBe(false);
      alone.dispose();
    }, 1);
  });

  it('gives zeros to what compute does not use, and nothing to what is not listed', async () => {
    const [x, listed, closed] = [
      normal('x', [3]),
      tf.variable(normal('l', [3])),
      tf.variable(normal('c', [3])),
    ];
    const loss = (): tf.Scalar =>
      tf.sum(checkpoint((y) => tf.mul(y, closed), [tf.mul(x, listed)], [listed])) as tf.Scalar;
    const { value, grads } = tf.variableGrads(
      () => tf.add(loss(), tf.sum(tf.mul(closed, 0))),
      [listed, closed],
    );
    expect(await grads[listed.name]?.data()).toBeAllclose(
      (await tf.mul(x, closed).data()) as Float32Array,
      1e-6,
    );
    expect(await grads[closed.name]?.data()).toBeAllclose([0, 0, 0]);
    tf.dispose([value, grads, x, listed, closed] as tf.TensorContainer);
  });

  it('closes over ids, and takes them as constants', async () => {
    const ids = tf.tensor1d([2, 0, 2], 'int32');
    const table = tf.variable(normal('table', [3, 2]));
    const closed = () => checkpoint(() => embed(table as tf.Tensor2D, ids), [], [table]);
    const given = () =>
      checkpoint((made) => embed(table as tf.Tensor2D, made as tf.Tensor1D), [], [table], [tf.clone(ids)]);
    for (const picked of [closed, given]) {
      const { value, grads } = tf.variableGrads(() => tf.sum(picked()) as tf.Scalar, [table]);
      expect(await grads[table.name]?.data()).toBeAllclose([1, 1, 0, 0, 2, 2]);
      tf.dispose([value, grads] as tf.TensorContainer);
    }
    tf.dispose([ids, table]);
  });

  it('may compute something else the second time, of the same gradients', async () => {
    const x = normal('x', [4]);
    const again = (y: tf.Tensor): tf.Tensor => tf.sub(tf.square(y), 7);
    const { value, grad } = tf.valueAndGrad((y) => checkpoint((z) => tf.square(z), [y], [], [], again))(x);
    expect(await value.data()).toEqual(await tf.square(x).data());
    expect(await grad.data()).toBeAllclose((await tf.mul(x, 2).data()) as Float32Array, 1e-6);
    tf.dispose([x, value, grad]);
  });

  it('leaves the tape in order when compute fails the second time', () => {
    let calls = 0;
    const x = normal('x', [2]);
    const flaky = (y: tf.Tensor): tf.Tensor => {
      calls += 1;
      if (calls > 1) throw new Error('the second time');
      return tf.square(y);
    };
    expect(() => tf.grad((y) => checkpoint(flaky, [y]))(x)).toThrow('the second time');
    expect(tf.grad((y) => tf.square(y))(x).shape).toEqual([2]);
  });

  it('keeps inputs, and what one block needs', () => {
    const [rows, width, depth] = [64, 32, 12];
    const x = normal('x', [rows, width]);
    const deep = (y: tf.Tensor): tf.Tensor => {
      let made = y;
      for (let i = 0; i < 6; i++) made = tf.sigmoid(tf.mul(made, 1.1));
      return made;
    };
    const peak = (saves: boolean): number =>
      peakBytes(() =>
        tf
          .grad((y) => {
            let made = y;
            for (let i = 0; i < depth; i++) made = saves ? checkpoint(deep, [made]) : deep(made);
            return made;
          })(x)
          .dispose(),
      );
    const each = rows * width * 4;
    const [plain, saved] = [peak(false) / each, peak(true) / each];
    // 12 inputs and 12 gradients of the outer pass, and a few tensors a step of one block, against all of them.
    expect(saved).toBeLessThan(2 * depth + 40);
    expect(plain).toBeGreaterThan(2 * depth * 6);
    x.dispose();
  });
});
