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
  rowCounts,
  scales,
  seeds,
  take,
} from '../../../test/support/kernel-properties.js';
import { expectNoSubnormals, logSumExp } from '../../../test/support/kernel-references.js';
import { uniformInteger, uniformStream } from '../../tensor/noise.js';
import { tokenLogProbs } from '../token-log-probs.js';
import { TOKEN_LOG_PROBS, TOKEN_LOG_PROBS_GRAD } from './token-log-probs.js';

const int32 = (values: ArrayLike<number>): tf.Tensor1D => tf.tensor1d(Int32Array.from(values), 'int32');
const ofLogits = (targets: tf.Tensor1D) => (logits: tf.Tensor) =>
  tokenLogProbs(logits as tf.Tensor2D, targets);

/** Of rows of numbers, on the device. */
const logProbsOf = (rows: number[][], targets: number[]): Promise<Float32Array> =>
  take(tokenLogProbs(tf.tensor2d(rows), int32(targets)));

/** What the kernel must give, in float64 from the float32 logits. */
const reference = (rows: number[][], targets: number[]): number[] =>
  rows.map((row, i) => {
    const logits = [...Float32Array.from(row)];
    return (logits[targets[i] as number] as number) - logSumExp(logits);
  });

describeFused('tokenLogProbs', [TOKEN_LOG_PROBS, TOKEN_LOG_PROBS_GRAD], () => {
  it('are the stock ones, in value and gradient', () =>
    fc.assert(
      fc.asyncProperty(
        ...([rowCounts, fc.integer({ min: 2, max: 200 }), scales, seeds] as const),
        async (rows, vocabulary, scale, seed) => {
          const stream = uniformStream('targets', seed);
          const targets = int32(Array.from({ length: rows }, () => uniformInteger(stream, vocabulary)));
          await expectMatchesComposed(ofLogits(targets), [normal(seed, [rows, vocabulary], scale)], {
            floor: { value: 1, gradient: 1 },
          });
          targets.dispose();
        },
      ),
      { numRuns: 40 },
    ));

  it('are a float64 reference, for confident, equal and masked tokens', async () => {
    const rows = [
      [80, -80, 0, 79.5, 1, 2, 3],
      [-80, -80, -80, -80, -80, -80, -80],
      [1, 2, 3, -1e9, -1e9, 4, 5],
      [-1e9, -1e9, -1e9, -1e9, -1e9, -1e9, 0.5],
      [-1e9, -1e9, -1e9, -1e9, -1e9, -1e9, -1e9],
      [1e4, 1e4 - 1, 0, 0, 0, 0, -1e4],
    ];
    for (let target = 0; target < 7; target++) {
      const targets = rows.map(() => target);
      const [got, expected] = [await logProbsOf(rows, targets), reference(rows, targets)];
      got.forEach((value, i) => {
        const error = Math.abs(value - (expected[i] as number));
        // To the last bits of the logits, of which it is a difference.
        expect(error).toBeLessThanOrEqual(2e-7 * Math.max(...(rows[i] as number[]).map(Math.abs)) + 1e-6);
      });
    }
  });

  it('are a float64 reference for the vocabulary of a large model', async () => {
    const rows = [1, 5].map((scale) => [...normals(scale, 102_400, scale)]);
    const targets = [102_399, 7];
    expect(await logProbsOf(rows, targets)).toBeAllclose(reference(rows, targets), 1e-6);
  });

  it('is 0 for the only token there is', async () => {
    expect(await logProbsOf([[3], [-1e9]], [0, 0])).toEqual(Float32Array.of(0, 0));
    const slope = tf.grad((z) => tf.sum(ofLogits(int32([0]))(z)))(tf.tensor2d([[3]]));
    expect(Math.abs((await take(slope))[0] as number)).toBeLessThan(1e-6);
  });

  it('gives a row the same bits in any batch, and its gradient', async () => {
    for (const width of [2, 7, 64, 101]) {
      const values = normals('logits', 11 * width, 3);
      const targets = (rows: readonly number[]) => int32(rows.map((row) => (row * 5) % width));
      await expectRowsIndependent(11, (rows) => take(ofLogits(targets(rows))(pickRows(values, width, rows))));
      await expectRowsIndependent(11, (rows) => {
        const dy = tf.tensor1d(rows.map((row) => row - 2));
        return take(tf.grad(ofLogits(targets(rows)))(pickRows(values, width, rows), dy));
      });
    }
  });

  it('is NaN with its gradient where a logit is NaN or infinite, and other rows are not', async () => {
    for (const width of [1, 3, 4, 5, 8, 13]) {
      for (let at = 0; at < width; at++) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
          const logits = normals('logits', 3 * width);
          logits[width + at] = bad;
          const z = tf.tensor2d(logits, [3, width]);
          const operation = ofLogits(int32([0, width - 1, 0]));
          const finite = (await take(operation(z))).map((value) => (Number.isNaN(value) ? 0 : 1));
          expect(finite).toEqual(Float32Array.of(1, 0, 1));
          const slope = await take(tf.grad((x) => tf.sum(operation(x)))(z));
          expect(slope.subarray(width, 2 * width).every(Number.isNaN)).toBe(true);
          expect(slope.subarray(0, width).every(Number.isFinite)).toBe(true);
          expect(slope.subarray(2 * width).every(Number.isFinite)).toBe(true);
        }
      }
    }
  });

  it('is NaN for a target out of range, whose gradient stays in its row', async () => {
    const z = normal('logits', [4, 5]);
    const operation = ofLogits(int32([1, 5, -1, 2]));
    const values = await take(operation(z));
    expect([...values].map(Number.isNaN)).toEqual([false, true, true, false]);
    const slope = await take(tf.grad((x) => tf.sum(operation(x)))(z));
    const right = await take(tf.grad((x) => tf.sum(ofLogits(int32([1, 0, 0, 2]))(x)))(z));
    expect(slope.slice(0, 5)).toEqual(right.slice(0, 5));
    expect(slope.slice(15)).toEqual(right.slice(15));
  });

  it('has no subnormal gradient, however far apart the logits are', async () => {
    const logits = Float32Array.from({ length: 2003 }, (_, i) => -0.1 * ((i * 7) % 2003));
    const z = tf.tensor2d(logits, [1, 2003]);
    for (const dy of [1, -0.3, 1e-4, 1e-8]) {
      const slope = await take(tf.grad(ofLogits(int32([3])))(z, tf.tensor1d([dy])));
      expectNoSubnormals(slope);
      expect(slope.some((value) => value === 0)).toBe(true);
    }
  });

  it('costs no exponentials where nothing comes back', async () => {
    const z = normal('logits', [2, 6]);
    const slope = await take(tf.grad(ofLogits(int32([1, 1])))(z, tf.tensor1d([0, 1])));
    expect(slope.slice(0, 6)).toEqual(new Float32Array(6));
    expect(slope[7]).toBeGreaterThan(0);
  });
});
