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
import { swiglu } from '../swiglu.js';
import { SWIGLU, SWIGLU_GRAD } from './swiglu.js';

const gated = (gate: tf.Tensor, up: tf.Tensor) => swiglu(gate as tf.Tensor2D, up as tf.Tensor2D);

describeFused('swiglu', [SWIGLU, SWIGLU_GRAD], () => {
  it('is the stock activation, in value and gradients', () =>
    fc.assert(
      fc.asyncProperty(rowCounts, widths, scales, seeds, (rows, width, scale, seed) =>
        expectMatchesComposed(gated, [
          normal(seed, [rows, width], scale),
          normal(seed + 1, [rows, width], scale),
        ]),
      ),
      { numRuns: 40 },
    ));

  it('has the right limits at gates of any magnitude', async () => {
    const gates = [-1e30, -1000, -90, -88, -87, -65, -63, -1, 0, 1, 63, 87, 88, 1000, 1e30];
    const expected = gates.map((gate) => gate / (1 + Math.exp(-gate)));
    const [gate, up] = [tf.tensor2d([gates]), tf.ones<tf.Rank.R2>([1, gates.length])];
    const values = await take(gated(gate, up));
    values.forEach((value, i) => {
      const error = Math.abs(value - (expected[i] as number));
      expect(error, `at ${gates[i]}`).toBeLessThan(1e-6 * Math.max(1e-3, Math.abs(expected[i] as number)));
    });
  });

  it('has finite gradients at gates of any magnitude', async () => {
    const gates = [-1e30, -1000, -88, 0, 88, 1000, 1e30];
    const [gate, up] = [tf.tensor2d([gates]), tf.ones<tf.Rank.R2>([1, gates.length])];
    const [slopes] = tf.grads((g, u) => tf.sum(gated(g, u)))([gate, up]) as [tf.Tensor];
    expect(await take(slopes)).toBeAllclose([0, 0, 0, 0.5, 1, 1, 1], 1e-6);
  });

  it('gives a row the same bits in any batch, and its gradient', async () => {
    for (const width of [1, 6, 13]) {
      const [gates, ups] = [normals('gate', 9 * width), normals('up', 9 * width)];
      await expectRowsIndependent(9, (rows) =>
        take(gated(pickRows(gates, width, rows), pickRows(ups, width, rows))),
      );
      await expectRowsIndependent(9, (rows) => {
        const inputs = [pickRows(gates, width, rows), pickRows(ups, width, rows)];
        const gradients = tf.grads((g, u) => tf.sum(gated(g, u)))(inputs);
        return take(tf.concat(gradients, 1));
      });
    }
  });

  it('is not finite where an input is not, and only there', async () => {
    for (const size of [1, 3, 4, 7, 8]) {
      for (let at = 0; at < size; at++) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          for (const which of ['gate', 'up'] as const) {
            const inputs = { gate: normals('gate', size), up: normals('up', size) };
            inputs[which][at] = bad;
            const y = await take(
              gated(tf.tensor2d(inputs.gate, [1, size]), tf.tensor2d(inputs.up, [1, size])),
            );
            y.forEach((value, i) => void expect(Number.isFinite(value)).toBe(i !== at));
            if (Number.isNaN(bad)) expect(y[at]).toBeNaN();
          }
        }
      }
    }
  });
});
