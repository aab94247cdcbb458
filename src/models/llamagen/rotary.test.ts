import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { llamaGenFixture } from '../../../test/support/tiny-llamagen.js';
import { llamaGenConfig } from './config.js';
import { llamaGenRotary } from './rotary.js';

/** The rows of a table, `[P][D]`. */
const rows = async (table: { data(): Promise<unknown>; shape: number[] }): Promise<number[][]> => {
  const values = [...((await table.data()) as Float32Array)];
  const size = table.shape[2] as number;
  return Array.from({ length: table.shape[0] as number }, (_, p) => values.slice(p * size, (p + 1) * size));
};

describeOnBackends('llamaGenRotary', () => {
  it.each(['class', 'text'] as const)('gives the published angles, twice: %s', async (kind) => {
    const { config, turns } = llamaGenFixture(kind);
    const before = kind === 'class' ? 1 : 6;
    await expectNoLeak(async () => {
      const tables = llamaGenRotary(config);
      expect(tables.cos.shape).toEqual([before + 16, 1, 8]);
      for (const part of ['cos', 'sin'] as const) {
        const found = await rows(tables[part]);
        expect(found.slice(0, before).flat()).toEqual(new Array(before * 8).fill(0));
        found.slice(before).forEach((row, place) => {
          const expected = Array.from(Float32Array.from(turns[part][place] as number[]));
          expect(row.slice(0, 4)).toEqual(row.slice(4));
          row.slice(0, 4).forEach((value, i) => {
            expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-7);
          });
        });
      }
      tables.dispose();
    });
  });

  it('gives those of some positions, after a condition of another length', async () => {
    const { config } = llamaGenFixture('text');
    const [all, some] = [llamaGenRotary(config), llamaGenRotary(config, 2, [1, 2, 9])];
    for (const part of ['cos', 'sin'] as const) {
      const table = await rows(all[part]);
      expect(await rows(some[part])).toEqual([table[0], table[6], table[13]]);
    }
    all.dispose();
    some.dispose();
  });

  it('turns by rows and by columns of a grid that is larger than a head is wide', async () => {
    // 3B has heads of 100 channels, 25 angles each way.
    const config = llamaGenConfig({ size: 'GPT-3B', grid: 24, condition: { kind: 'class', classes: 1000 } });
    const tables = llamaGenRotary(config, 1, [1 + 24 * 23 + 5]);
    const [row] = (await rows(tables.cos)) as [number[]];
    tables.dispose();
    expect(row[1]).toBeCloseTo(Math.cos(23 / 10_000 ** (1 / 25)), 6);
    expect(row[24]).toBeCloseTo(Math.cos(23 / 10_000 ** (24 / 25)), 6);
    expect(row[25]).toBeCloseTo(Math.cos(5), 6);
    expect(row[49 + 50]).toBeCloseTo(Math.cos(5 / 10_000 ** (24 / 25)), 6);
  });
});
