import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalValues, uniformStream } from '../../tensor/noise.js';
import { linearTrend, risingFit } from './trend.js';

describe('linearTrend', () => {
  it('equals the textbook formula', () => {
    // By hand: Sxx 10, Sxy 8, Syy 10; slope 0.8, residual 3.6, t = 0.8 / √(3.6 / 3 / 10).
    const { count, change, t } = linearTrend([1, 3, 2, 5, 4]);
    expect(count).toBe(5);
    expect(change).toBeCloseTo(3.2, 12);
    expect(t).toBeCloseTo(2.309401, 6);
  });

  it('leaves gaps out at their place', () => {
    const { count, change } = linearTrend([0, Number.NaN, 2, 3, Number.NaN, 5]);
    expect(count).toBe(4);
    expect(change).toBeCloseTo(5, 12);
  });

  it('knows nothing of few or equal values', () => {
    expect(linearTrend([1, 2]).t).toBe(0);
    expect(linearTrend([0.1, 0.1, 0.1, 0.1])).toEqual({ count: 4, change: 0, t: 0 });
    expect(linearTrend([1, 2, 3, 4]).t).toBeGreaterThan(1e6);
  });

  it('takes places', () => {
    expect(linearTrend([1, 3, 2], [0, 1, 2])).toEqual(linearTrend([1, 3, 2]));
    const { change, count } = linearTrend([5, 5, 1, 1, 9], [0, 0, 2, 2, Number.NaN]);
    expect(count).toBe(4);
    expect(change).toBeCloseTo(-4, 12);
    expect(linearTrend([1, 2, 3], [4, 4, 4]).t).toBe(0);
  });

  it('does not see 5.5 standard errors in noise', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(Math.abs(linearTrend(normalValues(uniformStream('trend', seed), 80)).t)).toBeLessThan(5.5);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });
});

describe('risingFit', () => {
  it('pools what is out of order', () => {
    expect(risingFit([1, 3, 2, 4])).toEqual([1, 2.5, 2.5, 4]);
    expect(risingFit([3, 2, 1])).toEqual([2, 2, 2]);
    expect(risingFit([1, Number.NaN, 0, 2])).toEqual([0.5, Number.NaN, 0.5, 2]);
    expect(risingFit([])).toEqual([]);
  });

  it('is the nearest of all sequences that do not fall', () => {
    const value = fc.double({ min: -1, max: 1, noNaN: true });
    const list = fc.array(value, { minLength: 1, maxLength: 12 });
    const distance = (a: readonly number[], b: readonly number[]) =>
      a.reduce((sum, x, i) => sum + (x - (b[i] as number)) ** 2, 0);
    fc.assert(
      fc.property(list, fc.infiniteStream(value), (values, others) => {
        const fitted = risingFit(values);
        const other = [...others.take(values.length)].sort((a, b) => a - b);
        expect([...fitted].sort((a, b) => a - b)).toEqual(fitted);
        expect(distance(fitted, values)).toBeLessThanOrEqual(distance(other, values) + 1e-12);
        // Nor is it beaten by a small step towards any of them.
        const between = fitted.map((x, i) => x + 0.01 * ((other[i] as number) - x));
        expect(distance(fitted, values)).toBeLessThanOrEqual(distance(between, values) + 1e-12);
      }),
    );
  });
});
