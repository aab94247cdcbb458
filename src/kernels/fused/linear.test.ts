import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  describeFused,
  expectClose,
  expectMatchesComposed,
  expectRowsIndependent,
  normal,
  normals,
  pickRows,
  rowCounts,
  sameBits,
  scales,
  seeds,
  sumLengths,
  take,
  widths,
  withComposed,
} from '../../../test/support/kernel-properties.js';
import { linear, projections } from '../linear.js';
import { LINEAR, PROJECTIONS, PROJECTIONS_GRAD_X } from './linear.js';

const multiply = (x: tf.Tensor, w: tf.Tensor) => linear(x as tf.Tensor2D, w as tf.Tensor2D);
const project = (x: tf.Tensor, ...weights: tf.Tensor[]) =>
  projections(x as tf.Tensor2D, weights as tf.Tensor2D[]);

describeFused('linear', [LINEAR], (build) => {
  it('is the stock product, in value and gradients', () =>
    fc.assert(
      fc.asyncProperty(rowCounts, sumLengths, widths, scales, seeds, (rows, inner, columns, scale, seed) =>
        expectMatchesComposed(multiply, [
          normal(seed, [rows, inner], scale),
          normal(seed + 1, [inner, columns]),
        ]),
      ),
      { numRuns: 40 },
    ));

  it('is the stock product for every height of a tile and every width of an edge', async () => {
    // The tiles of wasm have up to 6 rows and 8 columns, those of WebGPU 8 and 16, or 32 and 32.
    const upTo = (most: number) => Array.from({ length: most }, (_, i) => i + 1);
    const [heights, edges] =
      build === 'webgpu'
        ? [
            [1, 8, 9, 33],
            [1, 16, 17, 33],
          ]
        : [upTo(13), upTo(9)];
    for (const rows of heights) {
      for (const columns of edges) {
        const inner = 1 + ((rows * columns) % 7);
        await expectMatchesComposed(multiply, [normal('x', [rows, inner]), normal('w', [inner, columns])]);
      }
    }
  });

  it('is the stock product where the sum takes two passes', async () => {
    for (const inner of [383, 384, 385, 768, 769]) {
      await expectMatchesComposed(multiply, [normal('x', [5, inner]), normal('w', [inner, 11])]);
      // In the weights' gradient, rows are what is summed over.
      await expectMatchesComposed(multiply, [normal('x', [inner, 7]), normal('w', [7, 9])]);
    }
  });

  it('gives a row the same bits in any batch, and its gradient', async () => {
    for (const [rows, inner, columns] of [
      [17, 29, 13],
      [50, 390, 8],
      [3, 1, 1],
    ] as const) {
      const values = normals('x', rows * inner);
      const w = normal('w', [inner, columns]);
      await expectRowsIndependent(rows, async (picked) => {
        const x = pickRows(values, inner, picked);
        return take(tf.tidy(() => linear(x, w)));
      });
      const upstream = normals('dy', rows * columns);
      await expectRowsIndependent(rows, async (picked) => {
        const [x, dy] = [pickRows(values, inner, picked), pickRows(upstream, columns, picked)];
        return take(tf.grad((input) => multiply(input, w))(x, dy));
      });
    }
  });

  it('gives the gradient of a weight in the same bits every time, over thousands of rows too', async () => {
    const shapes = [
      [2100, 40, 70],
      [2100, 3, 5],
    ] as const;
    for (const [rows, inner, columns] of shapes) {
      const [x, w] = [normal('x', [rows, inner]), normal('w', [inner, columns])];
      const dy = normal('dy', [rows, columns]);
      const slope = () => take(tf.grad((weight) => multiply(x, weight))(w, dy));
      const first = await slope();
      for (let i = 0; i < 3; i++) expect(sameBits(await slope(), first)).toBe(true);
      const expected = await withComposed(slope);
      expectClose(first, expected, 1e-4);
    }
  });

  it('spreads what is not finite over its row or column, and no further', async () => {
    for (const [rows, inner, columns] of [
      [7, 5, 11],
      [1, 1, 1],
      [6, 4, 8],
    ] as const) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const x = normals('x', rows * inner);
        x[(rows - 1) * inner] = bad;
        const byRow = await take(linear(tf.tensor2d(x, [rows, inner]), normal('w', [inner, columns])));
        byRow.forEach((value, i) => {
          expect(Number.isFinite(value)).toBe(Math.floor(i / columns) !== rows - 1);
        });
        const w = normals('w', inner * columns);
        w[columns - 1] = bad;
        const byColumn = await take(linear(normal('x', [rows, inner]), tf.tensor2d(w, [inner, columns])));
        byColumn.forEach((value, i) => void expect(Number.isFinite(value)).toBe(i % columns !== columns - 1));
      }
    }
  });

  it('leaves empty products to stock operations', () => {
    expect(linear(tf.zeros([0, 3]), tf.zeros([3, 2])).shape).toEqual([0, 2]);
  });
});

describeFused('projections', [PROJECTIONS, PROJECTIONS_GRAD_X], () => {
  it('are several stock products, and the gradient of what they share is summed', () =>
    fc.assert(
      fc.asyncProperty(
        ...([
          rowCounts,
          sumLengths,
          fc.array(widths, { minLength: 1, maxLength: 3 }),
          scales,
          seeds,
        ] as const),
        (rows, inner, columns, scale, seed) =>
          expectMatchesComposed(project, [
            normal(seed, [rows, inner], scale),
            ...columns.map((width, i) => normal(seed + i + 1, [inner, width])),
          ]),
      ),
      { numRuns: 30 },
    ));

  it('may share one weight', () => {
    const w = normal('w', [5, 3]);
    return expectMatchesComposed((x) => project(x, w, w), [normal('x', [4, 5])]);
  });

  it('have a gradient where some of them are not used', () => {
    const unused = normal('unused', [5, 9]);
    return expectMatchesComposed(
      (x, w) => tf.tidy(() => project(x, w, unused)[0] as tf.Tensor),
      [normal('x', [4, 5]), normal('w', [5, 3])],
    );
  });
});
