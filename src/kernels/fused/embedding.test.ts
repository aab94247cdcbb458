import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  describeFused,
  expectMatchesComposed,
  expectRowsIndependent,
  normal,
  rowCounts,
  scales,
  seeds,
  take,
  widths,
} from '../../../test/support/kernel-properties.js';
import { uniformInteger, uniformStream } from '../../tensor/noise.js';
import { embed } from '../embedding.js';
import { GATHER_ROWS, SCATTER_ADD_ROWS } from './embedding.js';

describeFused('embed', [GATHER_ROWS, SCATTER_ADD_ROWS], () => {
  it('is the stock lookup, in value and gradient, with ids that repeat', () =>
    fc.assert(
      fc.asyncProperty(
        ...([rowCounts, fc.integer({ min: 1, max: 20 }), widths, scales, seeds] as const),
        async (count, rows, width, scale, seed) => {
          const stream = uniformStream('ids', seed);
          const ids = tf.tensor1d(
            Array.from({ length: count }, () => uniformInteger(stream, rows)),
            'int32',
          );
          const lookup = (table: tf.Tensor) => embed(table as tf.Tensor2D, ids);
          await expectMatchesComposed(lookup, [normal(seed, [rows, width], scale)]);
          ids.dispose();
        },
      ),
      { numRuns: 40 },
    ));

  it('is the stock lookup where few rows are asked for often', async () => {
    const ids = tf.tensor1d(
      Array.from({ length: 300 }, (_, i) => (i * i) % 5),
      'int32',
    );
    await expectMatchesComposed((table) => embed(table as tf.Tensor2D, ids), [normal('table', [1000, 70])]);
    ids.dispose();
  });

  it('copies rows bit by bit, wherever they stand', async () => {
    const table = normal('table', [9, 5]);
    await expectRowsIndependent(9, (rows) => take(embed(table, tf.tensor1d([...rows], 'int32'))));
  });

  it('reads zeros for an id out of range, and its gradient touches no row', async () => {
    const table = tf.ones<tf.Rank.R2>([3, 5]);
    const ids = tf.tensor1d([0, -1, 3, 2, 2 ** 31 - 1, -(2 ** 31), 2], 'int32');
    const before = tf.zeros([64]); // what lies beside the table in memory
    expect(await take(tf.max(embed(table, ids), 1))).toEqual(Float32Array.of(1, 0, 0, 1, 0, 0, 1));
    const gradient = tf.grad((rows) => tf.sum(embed(rows as tf.Tensor2D, ids)))(table);
    expect(await take(tf.max(gradient, 1))).toEqual(Float32Array.of(1, 0, 2));
    expect(await take(table)).toEqual(new Float32Array(15).fill(1));
    expect(await take(before)).toEqual(new Float32Array(64));
  });

  it('keeps what is not finite in its row', async () => {
    const table = tf.tensor2d([1, Number.NaN, 3, 4, Number.POSITIVE_INFINITY, 6], [3, 2]);
    const got = await take(embed(table, tf.tensor1d([2, 0, 1], 'int32')));
    expect([...got]).toEqual([Number.POSITIVE_INFINITY, 6, 1, Number.NaN, 3, 4]);
  });
});
