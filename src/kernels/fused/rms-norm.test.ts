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
  widths,
} from '../../../test/support/kernel-properties.js';
import { addRmsNorm, rmsNorm } from '../rms-norm.js';
import { ADD_RMS_NORM, RMS_NORM, RMS_NORM_GRAD } from './rms-norm.js';

const norm = (x: tf.Tensor, gain: tf.Tensor) => rmsNorm(x as tf.Tensor2D, gain as tf.Tensor1D);
const addNorm = (x: tf.Tensor, branch: tf.Tensor, gain: tf.Tensor) => {
  const { stream, normed } = addRmsNorm(x as tf.Tensor2D, branch as tf.Tensor2D, gain as tf.Tensor1D);
  return [stream, normed];
};

/** Of a single number, the norm is its sign and the gradient nothing but rounding. */
const broad = widths.filter((width) => width > 1);

describeFused('rmsNorm', [RMS_NORM, ADD_RMS_NORM, RMS_NORM_GRAD], () => {
  it('is the stock normalisation, in value and gradients', () =>
    fc.assert(
      fc.asyncProperty(rowCounts, broad, scales, seeds, (rows, width, scale, seed) =>
        expectMatchesComposed(norm, [normal(seed, [rows, width], scale), normal(seed + 1, [width])]),
      ),
      { numRuns: 40 },
    ));

  it('of a sum is too, whichever of its two results are used', () =>
    fc.assert(
      fc.asyncProperty(
        ...([rowCounts, broad, scales, seeds, fc.constantFrom([0, 1], [1])] as const),
        (rows, width, scale, seed, used) =>
          expectMatchesComposed(
            (...inputs) =>
              tf.tidy(() => {
                const results = addNorm(...(inputs as [tf.Tensor, tf.Tensor, tf.Tensor]));
                return used.map((i) => results[i] as tf.Tensor);
              }),
            [
              normal(seed, [rows, width], scale),
              normal(seed + 1, [rows, width], scale),
              normal(seed + 2, [width]),
            ],
          ),
      ),
      { numRuns: 40 },
    ));

  it('is the stock normalisation of more rows than are summed at a time', async () => {
    for (const [rows, width] of [
      [257, 33],
      [700, 5],
    ] as const) {
      await expectMatchesComposed(norm, [normal('x', [rows, width]), normal('gain', [width])]);
    }
  });

  it('of a sum passes on the gradient of the sum alone', () => {
    const gain = normal('gain', [7]);
    return expectMatchesComposed(
      (x, branch) => tf.tidy(() => addNorm(x, branch, gain)[0] as tf.Tensor),
      [normal('x', [5, 7]), normal('branch', [5, 7])],
    );
  });

  it('of rows of one number is their sign', async () => {
    const x = tf.tensor2d([-3, 5], [2, 1]);
    expect(await take(norm(x, tf.tensor1d([2])))).toBeAllclose([-2, 2]);
    const slope = await take(tf.grad((y) => tf.sum(norm(y, tf.ones([1]))))(x));
    for (const value of slope) expect(Math.abs(value)).toBeLessThan(1e-6);
  });

  it('of a sum of a tensor with itself counts its gradient twice', () =>
    expectMatchesComposed((x, gain) => addNorm(x, x, gain), [normal('x', [5, 7]), normal('gain', [7])]));

  it('of zeros is zeros', async () => {
    expect(await take(rmsNorm(tf.zeros([2, 5]), tf.ones([5])))).toEqual(new Float32Array(10));
  });

  it('gives a row the same bits in any batch', async () => {
    for (const width of [1, 7, 8, 45]) {
      const [values, branches] = [normals('x', 13 * width), normals('branch', 13 * width)];
      const gain = normal('gain', [width]);
      await expectRowsIndependent(13, (rows) => take(norm(pickRows(values, width, rows), gain)));
      await expectRowsIndependent(13, (rows) =>
        take(
          tf.tidy(() => {
            const [x, branch] = [pickRows(values, width, rows), pickRows(branches, width, rows)];
            return tf.concat(addNorm(x, branch, gain), 1);
          }),
        ),
      );
    }
  });

  it('of a row that is not finite is not finite, and the other rows are', async () => {
    for (const width of [1, 3, 4, 6, 13]) {
      for (let at = 0; at < width; at++) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
          const x = normals('x', 3 * width);
          x[width + at] = bad;
          const y = await take(norm(tf.tensor2d(x, [3, width]), tf.ones([width])));
          expect(y[width + at]).toBeNaN();
          // A NaN reaches the whole row; by an infinite number the others are divided, and become 0.
          if (Number.isNaN(bad)) expect(y.subarray(width, 2 * width).every(Number.isNaN)).toBe(true);
          expect(y.subarray(0, width).every(Number.isFinite)).toBe(true);
          expect(y.subarray(2 * width).every(Number.isFinite)).toBe(true);
        }
      }
    }
  });
});
