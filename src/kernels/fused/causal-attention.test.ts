import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  describeFused,
  expectMatchesComposed,
  expectRowsIndependent,
  normal,
  normals,
  pickRows,
  seeds,
  take,
} from '../../../test/support/kernel-properties.js';
import { expectNoSubnormals, referenceAttention } from '../../../test/support/kernel-references.js';
import { causalAttention } from '../causal-attention.js';
import { type RotaryTables, rotaryTables } from '../rotary.js';
import { CAUSAL_ATTENTION, CAUSAL_ATTENTION_GRAD } from './causal-attention.js';

interface Sizes {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly size: number;
}

const positions = (length: number): number[] => Array.from({ length }, (_, t) => t);
/** Tables that rotate nothing, so that scores are what a test says. */
const still = (length: number, size: number): RotaryTables => rotaryTables(new Array(length).fill(0), size);

const attend =
  (tables: RotaryTables, heads: number) =>
  (...inputs: tf.Tensor[]): tf.Tensor => {
    const [q, k, v] = inputs as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    return causalAttention(q, k, v, tables, heads);
  };

async function expectStock(
  { batch, length, heads, size }: Sizes,
  seed: number,
  [scale, values]: readonly [number, number],
) {
  const tables = rotaryTables(positions(length), size);
  const shape = [batch * length, heads * size] as [number, number];
  const inputs = [
    normal(seed, shape, scale),
    normal(seed + 1, shape, scale),
    normal(seed + 2, shape, values),
  ];
  // In one position, keys have no gradient but rounding: the weight is 1 whatever they are.
  const operation = attend(tables, heads);
  if (length > 1)
    await expectMatchesComposed(operation, inputs, { floor: { gradient: (scale * values) / 10 } });
  else {
    const [q, k, v] = inputs as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    await expectMatchesComposed((x) => operation(q, k, x), [v]);
  }
  tables.dispose();
}

/** The attention of these numbers, and its float64 reference. */
async function withReference(sizes: Sizes, q: Float32Array, k: Float32Array, v: Float32Array) {
  const { batch, length, heads, size } = sizes;
  const tables = rotaryTables(positions(length), size);
  const [queries, keys, values] = [q, k, v].map((numbers) =>
    tf.tensor2d(numbers, [batch * length, heads * size]),
  ) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const got = await take(causalAttention(queries, keys, values, tables, heads));
  return { got, expected: referenceAttention(sizes, q, k, v) };
}

describeFused('causalAttention', [CAUSAL_ATTENTION, CAUSAL_ATTENTION_GRAD], (build) => {
  it('is the stock attention, in value and gradients', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          batch: fc.integer({ min: 1, max: 3 }),
          length: fc.integer({ min: 1, max: 70 }),
          heads: fc.integer({ min: 1, max: 3 }),
          size: fc.integer({ min: 1, max: 33 }).map((half) => 2 * half),
        }),
        fc.tuple(fc.constantFrom(0.1, 1, 2), fc.constantFrom(1e-3, 1, 30)),
        seeds,
        (sizes, magnitudes, seed) => expectStock(sizes, seed, magnitudes),
      ),
      { numRuns: build === 'webgpu' ? 10 : 40 }, // there each shape compiles programs of its own
    ));

  it('is the stock attention at the edges of its blocks', async () => {
    for (const length of [1, 2, 7, 8, 9, 19, 20, 21, 24, 25, 40, 48, 49]) {
      await expectStock({ batch: 2, length, heads: 2, size: 6 }, length, [1, 1]);
    }
  });

  it('is a float64 reference', async () => {
    for (const [batch, length, heads, size] of [
      [1, 1, 1, 2],
      [2, 5, 2, 4],
      [1, 33, 1, 10],
    ] as const) {
      const count = batch * length * heads * size;
      const sizes = { batch, length, heads, size };
      const { got, expected } = await withReference(
        sizes,
        ...([normals('q', count), normals('k', count), normals('v', count)] as const),
      );
      expect(got).toBeAllclose(expected, 1e-6);
    }
  });

  it('is a float64 reference for scores of 80, and of a billion', async () => {
    const sizes = { batch: 2, length: 9, heads: 2, size: 2 };
    for (const [magnitude, tolerance] of [
      [10.6, 1e-4],
      [4e4, 1e-5],
    ] as const) {
      // Lengths are equal, so that scores go from −m² to m², over √2.
      const towards = (key: string) =>
        normals(key, 36).map((value) => (Math.sign(value) || 1) * magnitude * Math.SQRT1_2);
      const spread = (values: Float32Array) =>
        Float32Array.from({ length: 72 }, (_, i) => values[i % 36] as number);
      const inputs = [spread(towards('q')), spread(towards('k')), normals('v', 72)] as const;
      const { got, expected } = await withReference(sizes, ...inputs);
      expect(got.every(Number.isFinite)).toBe(true);
      expect(got).toBeAllclose(expected, tolerance);
    }
  });

  it('gives scores a billion below the others no weight, and rows of nothing else their mean', async () => {
    const q = tf.tensor2d([1, 0, 1, 0, 1, 0], [3, 2]);
    const masked = tf.tensor2d([-1e9, 0, -1e9, 0, 0, 0], [3, 2]);
    const v = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    const got = await take(causalAttention(q, masked, v, still(3, 2), 1));
    expect(got).toBeAllclose([1, 2, 2, 3, 5, 6]);
  });

  it('gives a sequence the same bits in any batch, and its gradients', async () => {
    for (const [length, heads, size] of [
      [1, 2, 2],
      [9, 2, 6],
      [43, 1, 10],
    ] as const) {
      const tables = rotaryTables(positions(length), size);
      const width = length * heads * size;
      const [q, k, v, dy] = ['q', 'k', 'v', 'dy'].map((name) => normals(name, 7 * width)) as Float32Array[];
      const pick = (values: Float32Array | undefined, rows: readonly number[]): tf.Tensor2D =>
        tf.reshape(pickRows(values as Float32Array, width, rows), [-1, heads * size]);
      const operation = attend(tables, heads);
      await expectRowsIndependent(7, (rows) => take(operation(pick(q, rows), pick(k, rows), pick(v, rows))));
      await expectRowsIndependent(7, (rows) => {
        const inputs = [pick(q, rows), pick(k, rows), pick(v, rows)];
        const gradients = tf.grads(operation)(inputs, pick(dy, rows));
        return take(
          tf.concat(
            gradients.map((gradient) => tf.reshape(gradient, [rows.length, width])),
            1,
          ),
        );
      });
    }
  });

  it('gives a position the same bits whatever comes after it', async () => {
    const tables = rotaryTables(positions(43), 6);
    const [q, k, v] = ['q', 'k', 'v'].map((name) => normals(name, 43 * 6)) as Float32Array[];
    const start = async (length: number) => {
      const inputs = [q, k, v].map((values) =>
        tf.tensor2d((values as Float32Array).slice(0, length * 6), [length, 6]),
      );
      return take(attend(length === 43 ? tables : rotaryTables(positions(length), 6), 1)(...inputs));
    };
    const whole = await start(43);
    for (const length of [1, 7, 20, 21, 42]) expect(await start(length)).toEqual(whole.slice(0, length * 6));
  });

  it('is NaN from an input that is not finite on, and other sequences and heads are not', async () => {
    const [length, size] = [11, 4];
    const tables = rotaryTables(positions(length), size);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      // An infinite key scores −∞ with half of the queries, which is no weight at all, and right.
      for (const which of Number.isNaN(bad) ? [0, 1, 2] : [0, 2]) {
        for (const at of [0, 3, 7, 10]) {
          const inputs = ['q', 'k', 'v'].map((name) => normals(name, 2 * length * 2 * size));
          // Channel 0 of the second head in position `at` of the first sequence.
          (inputs[which] as Float32Array)[at * 2 * size + size] = bad;
          const tensors = inputs.map((values) => tf.tensor2d(values, [2 * length, 2 * size]));
          const got = await take(attend(tables, 2)(...tensors));
          got.forEach((value, i) => {
            const [row, channel] = [Math.floor(i / (2 * size)), i % (2 * size)];
            const reached = which === 0 ? row === at : row >= at && row < length;
            const inHead = channel >= size && (which !== 2 || channel === size);
            if (reached && inHead) expect(Number.isFinite(value), `input ${which}, row ${row}`).toBe(false);
            if (row >= length || channel < size) expect(Number.isFinite(value)).toBe(true);
          });
        }
      }
    }
  });

  it('has no subnormal weight or gradient, however far apart the scores are', async () => {
    const length = 64;
    const v = tf.eye(length); // so that what comes out are the weights
    const q = tf.tidy(() => tf.concat([tf.fill([length, 1], 8), tf.zeros([length, length - 1])], 1));
    const scores = Float32Array.from({ length }, (_, t) => -1.7 * ((t * 37) % length));
    const k = tf.tidy(() => tf.concat([tf.tensor2d(scores, [length, 1]), tf.zeros([length, length - 1])], 1));
    const operation = attend(still(length, length), 1);
    expectNoSubnormals(await take(operation(q, k, v)));
    const gradients = tf.grads(operation)([q, k, v] as tf.Tensor[], normal('dy', [length, length], 0.01));
    for (const gradient of gradients) expectNoSubnormals(await take(gradient));
  });

  it('refuses shapes that do not fit', () => {
    const x = tf.zeros<tf.Rank.R2>([6, 4]);
    expect(() => causalAttention(x, x, x, still(4, 4), 1)).toThrow(/tables/);
    expect(() => causalAttention(x, x, x, still(3, 4), 2)).toThrow(/tables/);
    expect(() => causalAttention(x, tf.zeros([3, 4]), x, still(3, 4), 1)).toThrow(/causalAttention: k/);
  });
});
