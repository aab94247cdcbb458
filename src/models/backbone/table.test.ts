import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { normal, take } from '../../../test/support/kernel-properties.js';
import { embedRows } from './table.js';

const [ROWS, WIDTH] = [23, 5];

/** The table in pieces of so many rows. */
function cut(table: tf.Tensor2D, sizes: readonly number[]): tf.Tensor2D[] {
  return tf.split(table, [...sizes], 0) as tf.Tensor2D[];
}

/** The first row of each piece. */
const firstRows = (sizes: readonly number[]): number[] =>
  sizes.map((_, i) => sizes.slice(0, i).reduce((sum, rows) => sum + rows, 0));

const CUTS = [[23], [22, 1], [1, 22], [8, 8, 7], new Array<number>(23).fill(1)];
const ids = fc.array(fc.nat(ROWS - 1), { minLength: 1, maxLength: 40 }).map((all) => Int32Array.from(all));

describeOnBackends('embedRows', () => {
  it('gives the rows of the whole table, and their gradients, to the bit', async () => {
    const table = normal('table', [ROWS, WIDTH]);
    const values = await table.data();
    await fc.assert(
      fc.asyncProperty(ids, fc.constantFrom(...CUTS), async (some, sizes) => {
        // TensorFlow.js knows no gradient of a piece in which no token lies, so each has one.
        const ids = Int32Array.from([...some, ...firstRows(sizes)]);
        const dy = normal('dy', [ids.length, WIDTH]);
        const run = (pieces: tf.Tensor2D[]) => {
          const lookUp = (...own: tf.Tensor[]) => embedRows(own as tf.Tensor2D[], ids);
          const { value, grads } = tf.valueAndGrads(lookUp)(pieces, dy);
          const gradient = tf.concat(grads as tf.Tensor2D[], 0);
          tf.dispose(grads);
          return Promise.all([take(value), take(gradient)]);
        };
        const pieces = cut(table, sizes);
        const [value, gradient] = await run(pieces);
        const [, whole] = await run([table]);
        expect([...(value as Float32Array)]).toEqual(
          [...ids].flatMap((id) => [...values.slice(id * WIDTH, (id + 1) * WIDTH)]),
        );
        expect(gradient).toEqual(whole);
        tf.dispose([dy, ...pieces]);
      }),
      { numRuns: 40 },
    );
    table.dispose();
  });

  it('refuses ids that are in no piece, and takes none at all', async () => {
    const table = normal('table', [ROWS, WIDTH]);
    await expectNoLeak(() => {
      for (const sizes of [[23], [12, 11]]) {
        const pieces = cut(table, sizes);
        for (const wrong of [-1, ROWS]) {
          expect(() => embedRows(pieces, Int32Array.of(3, wrong))).toThrow(
            `token id ${wrong} at place 1 is outside the table's [0, 23)`,
          );
        }
        const none = embedRows(pieces, new Int32Array(0));
        expect(none.shape).toEqual([0, WIDTH]);
        tf.dispose([none, ...pieces]);
      }
    });
    table.dispose();
  });
});
