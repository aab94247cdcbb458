import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalValues, uniformStream } from '../../tensor/noise.js';
import { linearTrend } from './trend.js';

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

  it('does not see 5.5 standard errors in noise', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(Math.abs(linearTrend(normalValues(uniformStream('trend', seed), 80)).t)).toBeLessThan(5.5);
      }),
      { seed: 1, numRuns: 1000 },
    );
  });
});
