import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expectNoLeak } from '../../../test/support/backends.js';
import {
  describeFused,
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
import { linear } from '../linear.js';
import { packLinear } from '../packed-linear.js';
import { PACK_MATRIX, PACKED_LINEAR } from './packed-linear.js';

/** All products, read. */
async function multiplied(x: tf.Tensor2D, weights: readonly tf.Tensor2D[]): Promise<Float32Array[]> {
  const packed = packLinear(weights);
  const products = packed.multiply(x);
  packed.dispose();
  return Promise.all(products.map(take));
}

describeFused('packLinear', [PACK_MATRIX, PACKED_LINEAR], (build) => {
  it('multiplies as stock operations do', () =>
    fc.assert(
      fc.asyncProperty(
        ...([
          rowCounts,
          sumLengths,
          fc.array(widths, { minLength: 1, maxLength: 3 }),
          scales,
          seeds,
        ] as const),
        async (rows, inner, columns, scale, seed) => {
          const x = normal(seed, [rows, inner], scale);
          const weights = columns.map((width, i) => normal(seed + i + 1, [inner, width]));
          const fused = await multiplied(x, weights);
          const composed = await withComposed(() => multiplied(x, weights));
          fused.forEach((values, i) => void expect(values).toBeAllclose(composed[i] as Float32Array, 1e-5));
          tf.dispose([x, ...weights]);
        },
      ),
      { numRuns: 40 },
    ));

  // On WebGPU the product of few rows is a kernel of its own, with sums in another order than those of large products.
  it.skipIf(build === 'webgpu')(
    'gives the bits of linear, for every height of a tile and width of an edge',
    async () => {
      for (let rows = 1; rows <= 13; rows++) {
        for (let columns = 1; columns <= 9; columns++) {
          const [x, w] = [normal('x', [rows, 5]), normal('w', [5, columns])];
          const [packed] = (await multiplied(x, [w])) as [Float32Array];
          expect(sameBits(packed, await take(linear(x, w)))).toBe(true);
        }
      }
    },
  );

  it('gives a row the same bits in any batch', async () => {
    for (const [rows, inner, columns] of [
      [17, 390, 13],
      [50, 6, 8],
      [3, 1, 1],
    ] as const) {
      const values = normals('x', rows * inner);
      const packed = packLinear([normal('w', [inner, columns])]);
      await expectRowsIndependent(rows, (picked) =>
        take(packed.multiply(pickRows(values, inner, picked))[0] as tf.Tensor),
      );
      packed.dispose();
    }
  });

  it('frees what it packed, and leaves the products', async () => {
    const [x, w] = [normal('x', [2, 5]), normal('w', [5, 3])];
    await expectNoLeak(() => {
      const packed = packLinear([w, w]);
      tf.tidy(() => void packed.multiply(x));
      packed.multiply(x);
      packed.dispose();
    }, 2);
    expect(w.isDisposed).toBe(false);
  });

  it('survives the tidy in which it was made', async () => {
    const w = normal('w', [5, 3]);
    let packed = packLinear([]);
    tf.tidy(() => {
      packed = packLinear([w]);
    });
    expect((await take(packed.multiply(tf.ones([1, 5]))[0] as tf.Tensor)).length).toBe(3);
    packed.dispose();
  });
});
