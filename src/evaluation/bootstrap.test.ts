import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uniformStream } from '../tensor/noise.js';
import { type BootstrapOptions, bootstrap, replicates } from './bootstrap.js';
import { holm } from './holm.js';
import { expandedInterval } from './intervals.js';
import { type Nested, nestedMean } from './nested.js';
import { signFlipTest } from './sign-flip.js';

const { NaN: none } = Number;
const DATA = [[1, 2, 4], [0, 3], [5, 5.5, 7, 2], [1]];

describe('bootstrap', () => {
  it('is made of its parts, and the same for the same seed', () => {
    const once = bootstrap(DATA, { resamples: 500, seed: 3 });
    const drawn = replicates(
      DATA,
      { resample: [true, false], resamples: 500 },
      uniformStream(3, 'bootstrap'),
    );
    expect(once).toMatchObject(expandedInterval(drawn, 0.95, 4));
    expect(once).toMatchObject({ estimate: nestedMean(DATA), units: 4, numbers: 10 });
    expect(bootstrap(DATA, { resamples: 500, seed: 3 })).toEqual(once);
    const { standardError } = bootstrap(DATA, { resamples: 500, seed: 4 });
    expect(standardError).not.toBe(once.standardError);
  });

  it('leaves NaN out, never counts it as 0, and says when nothing is left', () => {
    const options = { resamples: 99 };
    expect(bootstrap([[1, none, 2, 4], [none, none], ...DATA.slice(1)], options)).toEqual(
      bootstrap(DATA, options),
    );
    for (const empty of [[], [[none], [none, none]], [none]]) {
      expect(bootstrap(empty, { ...options, resample: [true, false] })).toEqual({
        ...{ estimate: none, low: none, high: none, standardError: none, units: 0, numbers: 0 },
        note: 'there are no numbers',
      });
    }
  });

  it('says nothing about how units differ from one unit, or from equal ones', () => {
    expect(bootstrap([[1, 2, 3]])).toMatchObject({
      ...{ estimate: 2, low: none, high: none },
      note: 'there is one unit only, which says nothing about how units differ',
    });
    expect(bootstrap([[1, 2, 3]], { resample: [false, true] }).low).toBeLessThan(1.5);
    const equal = bootstrap(Array.from({ length: 7 }, () => [0.1, 0.1]));
    expect(equal).toMatchObject({ estimate: 0.1, low: 0.1, high: 0.1, standardError: 0 });
    expect(equal.note).toMatch(/^all units are equal/);
  });

  it('takes any statistic, and more tiers', () => {
    const largest = (data: Nested): number => Math.max(...(data.flat(3) as number[]));
    const { estimate, high } = bootstrap(DATA, { statistic: largest, resamples: 99 });
    expect([estimate, high]).toEqual([7, 7]);
    const seeds = [DATA, DATA.map((prompt) => prompt.map((value) => value + 1)), DATA];
    const three = bootstrap(seeds, { resample: [true, false, false], resamples: 99 });
    expect(three).toMatchObject({ units: 3, numbers: 30 });
    expect(three.high).toBeLessThanOrEqual(nestedMean(DATA) + 1);
    const unsure = bootstrap(DATA, { resamples: 99, statistic: (data) => (nestedMean(data) > 4 ? none : 1) });
    expect(unsure).toMatchObject({ low: none, note: expect.stringMatching(/NaN in \d+ of 99 resamples/) });
  });

  it('moves with the data and scales with them', () => {
    const flat = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(flat, { minLength: 2, maxLength: 8 }),
        fc.constantFrom('expanded', 'bca'),
        (data, method) => {
          const options = { resamples: 60, method } as const;
          const { low, high, estimate } = bootstrap(data, options);
          const moved = bootstrap(
            data.map((prompt) => prompt.map((value) => 2 * value + 10)),
            options,
          );
          expect(moved.estimate).toBeCloseTo(2 * estimate + 10, 9);
          expect(moved.low).toBeCloseTo(2 * low + 10, 9);
          expect(moved.high).toBeCloseTo(2 * high + 10, 9);
          if (method === 'expanded') expect(low <= high).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each<[BootstrapOptions, RegExp]>([
    [{ resamples: 0 }, /resamples is 0/],
    [{ resamples: 1 }, /no spread/],
    [{ confidence: 95 }, /confidence is 95, but must be between 0 and 1/],
    [{ resample: [true] }, /1 entries, but the data have 2 tiers/],
    [{ resample: [false, false] }, /draws no tier/],
    [{ resample: [false, true], method: 'bca' }, /'bca' goes by the units of the first tier/],
    [{ method: 'normal' as 'bca' }, /method is 'normal'/],
    [{ level: 0.9 } as BootstrapOptions, /no option 'level'/],
  ])('refuses %o', (options, words) => {
    expect(() => bootstrap(DATA, options)).toThrow(words);
  });

  it('refuses what are no tiers of finite numbers', () => {
    expect(() => bootstrap([1, [2]])).toThrow(/tiers 1 and 2/);
    expect(() => bootstrap([1, Number.POSITIVE_INFINITY])).toThrow(/Infinity/);
    expect(() => bootstrap(['1'] as unknown as Nested)).toThrow(/neither a number nor a list/);
  });
});

describe('signFlipTest', () => {
  it('needs differences, ignores order and absent ones', () => {
    expect(signFlipTest([])).toBeNaN();
    expect(signFlipTest([none])).toBeNaN();
    expect(signFlipTest([0, 0, 0])).toBe(1);
    expect(signFlipTest([2])).toBe(1);
    expect(signFlipTest([1, none, 2, 3])).toBe(signFlipTest([3, 1, 2, 0]));
    const many = Array.from({ length: 40 }, () => 1);
    expect(signFlipTest(many, { flips: 99 })).toBe(0.01);
    expect(() => signFlipTest([1], { flips: 0 })).toThrow(/flips is 0/);
  });
});

describe('holm', () => {
  it('is the closed test of Bonferroni', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }), (pValues) => {
        // Of each question, the worst p of any set of questions that it is in.
        const closed = pValues.map((_, i) => {
          let worst = 0;
          for (let set = 0; set < 2 ** pValues.length; set++) {
            if (!((set >> i) & 1)) continue;
            const inSet = pValues.filter((_, j) => (set >> j) & 1);
            worst = Math.max(worst, Math.min(1, inSet.length * Math.min(...inSet)));
          }
          return worst;
        });
        expect(holm(pValues)).toBeAllclose(closed, 1e-12);
      }),
    );
    expect(holm([0.01, none, 0.04, 0.03])).toEqual([0.03, none, 0.06, 0.06]);
  });
});
