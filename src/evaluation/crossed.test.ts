import { describe, expect, it } from 'vitest';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { crossedBootstrap } from './crossed.js';

/** Runs that differ by `runs`, prompts by `prompts`, and everything by `noise`; of mean 0. */
function draw(
  size: [number, number],
  spread: { runs: number; prompts: number; noise: number },
  seed: number,
) {
  const [runs, prompts] = size;
  const values = normalValues(uniformStream('crossed', seed), runs + prompts + runs * prompts);
  return Array.from({ length: runs }, (_, r) =>
    Array.from(
      { length: prompts },
      (_, p) =>
        spread.runs * (values[r] as number) +
        spread.prompts * (values[runs + p] as number) +
        spread.noise * (values[runs + prompts + r * prompts + p] as number),
    ),
  );
}

describe('crossedBootstrap', () => {
  it.each<[string, { runs: number; prompts: number; noise: number }]>([
    ['runs that differ', { runs: 0.3, prompts: 1, noise: 1 }],
    ['runs that are alike', { runs: 0, prompts: 1, noise: 1 }],
    ['runs that differ more than prompts', { runs: 1, prompts: 1, noise: 0.5 }],
  ])('covers 95 %% at least, not much more: %s', (_, spread) => {
    let [covered, repeats] = [0, 600];
    for (let repeat = 0; repeat < repeats; repeat++) {
      const { low, high } = crossedBootstrap(draw([5, 40], spread, repeat), { resamples: 299, seed: repeat });
      if (low <= 0 && high >= 0) covered++;
    }
    expect(covered / repeats).toBeGreaterThan(0.93);
    expect(covered / repeats).toBeLessThan(0.995);
  });

  it('is wider than an interval that takes the prompts of every run for others', () => {
    const table = draw([5, 40], { runs: 0, prompts: 1, noise: 0.1 }, 7);
    const { standardError } = crossedBootstrap(table);
    // 40 prompts, not 200: 1/√40.
    expect(standardError).toBeGreaterThan(0.75 / Math.sqrt(40));
    expect(standardError).toBeLessThan(1.3 / Math.sqrt(40));
  });

  it('has the mean for its estimate, and the same ends for the same seed', () => {
    const table = [
      [1, 0, 1],
      [0, 0, 1],
    ];
    const once = crossedBootstrap(table, { seed: 3 });
    expect(once.estimate).toBeCloseTo(0.5, 15);
    expect(crossedBootstrap(table, { seed: 3 })).toEqual(once);
    expect(crossedBootstrap(table, { seed: 4 }).standardError).not.toBe(once.standardError);
  });

  it('has an end with two runs that differ more than their prompts: between one and two degrees of freedom', () => {
    const table = draw([2, 40], { runs: 1, prompts: 0.5, noise: 0.1 }, 3);
    const { estimate, low, high } = crossedBootstrap(table, { resamples: 999 });
    const means = table.map((row) => row.reduce((sum, value) => sum + value / row.length, 0));
    // Student's t of so few degrees lies beyond every replicate: the ends are the lower run and the higher, and a little of the prompts.
    expect(low).toBeLessThan(Math.min(...means));
    expect(high).toBeGreaterThan(Math.max(...means));
    expect(estimate).toBeCloseTo((low + high) / 2, 0);
  });

  it('says where nothing differs', () => {
    const same = crossedBootstrap([
      [1, 1],
      [1, 1],
    ]);
    expect(same).toMatchObject({ estimate: 1, low: 1, high: 1, note: expect.stringContaining('equal') });
  });

  it.each<[string, number[][]]>([
    ['one run', [[1, 2]]],
    ['rows of other lengths', [[1, 2], [1]]],
    ['nothing', []],
  ])('refuses %s', (_, table) => {
    expect(() => crossedBootstrap(table)).toThrow(expect.objectContaining({ code: 'value' }));
  });

  it('refuses NaN', () => {
    expect(() =>
      crossedBootstrap([
        [1, Number.NaN],
        [1, 2],
      ]),
    ).toThrow(expect.objectContaining({ code: 'non-finite' }));
  });
});
