import { describe, expect, it } from 'vitest';
import { constant, warmupCosine, warmupLinear } from './schedule.js';

describe('schedules', () => {
  it('constant stays', () => {
    expect([0, 7, 1e6].map(constant(3e-4))).toEqual([3e-4, 3e-4, 3e-4]);
  });

  it('warmupLinear rises over the warm-up, peaks once and falls to the final rate', () => {
    const rate = warmupLinear({ peak: 4, warmupSteps: 4, totalSteps: 8, final: 2 });
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 100].map(rate)).toEqual([1, 2, 3, 4, 4, 3.5, 3, 2.5, 2, 2]);
  });

  it('without warm-up, linear decay is the rate of T2I-R1: peak · (1 − s/S)', () => {
    const rate = warmupLinear({ peak: 1e-6, totalSteps: 1600 });
    expect(rate(0)).toBe(1e-6);
    expect(rate(400)).toBeCloseTo(0.75e-6, 15);
    expect(rate(1600)).toBe(0);
  });

  it('warmupCosine is half-way between peak and final in the middle', () => {
    const rate = warmupCosine({ peak: 1, warmupSteps: 2, totalSteps: 10, final: 0.2 });
    // cos(π/4) = √½, cos(3π/4) = −√½
    const expected = [0.5, 1, 1, 0.2 + 0.4 * (1 + Math.SQRT1_2), 0.6, 0.2 + 0.4 * (1 - Math.SQRT1_2), 0.2];
    expect([0, 1, 2, 4, 6, 8, 10].map(rate)).toBeAllclose(expected, 1e-12);
  });

  it('refuse nonsense', () => {
    expect(() => warmupLinear({ peak: 1, warmupSteps: 5, totalSteps: 5 })).toThrow(/totalSteps/);
    expect(() => warmupCosine({ peak: Number.NaN, totalSteps: 5 })).toThrow(/finite/);
  });
});
