import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../../test/support/backends.js';
import { janusSource } from '../../../test/support/tiny-janus-policy.js';
import { loadPieces, rowPieces } from './load-pieces.js';
import { loadTensor } from './load-tensor.js';
import type { RowRange, TensorSource } from './source.js';

const rowsOf = ({ begin, end }: RowRange): number => end - begin;

describe('rowPieces', () => {
  it('are all rows in order, and none is larger than allowed', () =>
    fc.assert(
      fc.property(
        fc.record({ rows: fc.integer({ min: 1, max: 700 }), columns: fc.integer({ min: 1, max: 40 }) }),
        fc.integer({ min: 1, max: 40_000 }),
        ({ rows, columns }, maxBytes) => {
          const pieces = rowPieces([rows, columns], maxBytes);
          expect(pieces.map(({ begin }) => begin)).toEqual([0, ...pieces.slice(0, -1).map(({ end }) => end)]);
          expect(pieces.at(-1)?.end).toBe(rows);
          const sizes = pieces.map(rowsOf);
          expect(Math.min(...sizes)).toBeGreaterThan(0);
          expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.max(1, Math.floor(maxBytes / (4 * columns))));
          if (4 * columns * rows <= maxBytes) expect(pieces).toHaveLength(1);
        },
      ),
      { numRuns: 300 },
    ));

  it('of the published tables begin at whole lines', () => {
    const sizes = (width: number, bytes: number) => rowPieces([102_400, width], bytes).map(rowsOf);
    expect(sizes(2048, 2 ** 29)).toEqual([51_200, 51_200]);
    expect(sizes(4096, 2 ** 29)).toEqual([25_600, 25_600, 25_600, 25_600]);
    expect(sizes(2048, 2 ** 27)).toEqual([...new Array(6).fill(14_640), 14_560]);
    const seven = sizes(4096, 2 ** 27);
    expect(seven).toEqual([...new Array(12).fill(7_888), 7_744]);
    expect(sizes(4096, 2 ** 31)).toEqual([102_400]);
  });
});

describeOnBackends('loadPieces', () => {
  const stored = 'language_model.lm_head.weight';
  const planned = { stored, shape: [320, 32] };

  it.each([
    ['of a few rows, the last of one', 11, 30],
    ['of unlike sizes', 48, 7],
    ['of one row each', 1, 320],
    ['all at once', 320, 1],
  ])('are the tensor that they are read from: %s', async (_, rows, count) => {
    const read: (RowRange | undefined)[] = [];
    const source = recording(janusSource(), read);
    for (const transpose of [false, true]) {
      const pieces = await loadPieces(source, planned, { transpose, maxBytes: rows * 32 * 4 });
      expect(pieces).toHaveLength(count);
      for (const piece of pieces) expect(4 * piece.size).toBeLessThanOrEqual(rows * 32 * 4);
      const whole = await loadTensor(janusSource(), stored, { transpose });
      const joined = tf.concat(pieces, transpose ? 1 : 0);
      expect(await joined.data()).toEqual(await whole.data());
      tf.dispose([joined, whole, ...pieces]);
    }
    // Never more at once than a piece has.
    expect(read.every((range) => range && rowsOf(range) <= rows)).toBe(true);
  });

  it('leave nothing behind when the file ends early', async () => {
    const before = tf.memory().numTensors;
    const all = janusSource();
    const source: TensorSource = {
      ...all,
      async readBytes(name, rows) {
        if ((rows?.begin ?? 0) > 200) throw new Error('the end');
        return all.readBytes(name, rows);
      },
    };
    await expect(loadPieces(source, planned, { maxBytes: 6400 })).rejects.toThrow('the end');
    expect(tf.memory().numTensors).toBe(before);
  });
});

function recording(source: TensorSource, read: (RowRange | undefined)[]): TensorSource {
  return {
    ...source,
    readBytes(name, rows) {
      read.push(rows);
      return source.readBytes(name, rows);
    },
  };
}
