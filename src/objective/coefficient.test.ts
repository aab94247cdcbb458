import { describe, expect, it } from 'vitest';
import {
  adaptiveEntropy,
  adaptiveKl,
  type Coefficient,
  coefficientValue,
  initialState,
  nextState,
} from './coefficient.js';

/** Values and states over a series of measurements. */
function follow(coefficient: Coefficient, observed: readonly number[]): number[] {
  let state = initialState(coefficient);
  return observed.map((measured) => {
    const value = coefficientValue(coefficient, state);
    state = nextState(coefficient, state, measured);
    return value;
  });
}

describe('a fixed coefficient', () => {
  it('stays what it is', () => {
    expect(follow(0.04, [1, 2, Number.NaN])).toEqual([0.04, 0.04, 0.04]);
  });
});

describe('adaptiveKl', () => {
  it("equals verl's AdaptiveKLController", () => {
    // value *= 1 + clip(kl / target − 1, −0.2, 0.2) · n_steps / horizon
    const coefficient = adaptiveKl({ initial: 0.1, target: 0.05, horizon: 10 });
    const values = follow(coefficient, [0.055, 0.5, 0.01, 0.05]);
    expect(values[0]).toBe(0.1);
    expect(values[1]).toBeCloseTo(0.1 * (1 + 0.1 / 10), 12);
    expect(values[2]).toBeCloseTo(0.1 * (1 + 0.1 / 10) * (1 + 0.2 / 10), 12);
    expect(values[3]).toBeCloseTo(0.1 * (1 + 0.1 / 10) * (1 + 0.2 / 10) * (1 - 0.2 / 10), 12);
  });

  it('leaves a step without a measurement out', () => {
    const values = follow(adaptiveKl({ initial: 0.1, target: 1 }), [Number.NaN, Number.NaN, 0]);
    expect(values).toEqual([0.1, 0.1, 0.1]);
  });
});

describe('adaptiveEntropy', () => {
  it("equals TRL's controller: ± delta within bounds, paid only at or below the target", () => {
    const coefficient = adaptiveEntropy({ target: 1, initial: 0.01, delta: 0.005, max: 0.02 });
    // The first step pays nothing, as nothing was measured (TRL starts at an infinite entropy).
    const values = follow(coefficient, [0.5, 0.5, 1, 1, 1.5, 0.9, 0.9]);
    [0, 0.015, 0.02, 0.02, 0.02, 0, 0.02].forEach((value, i) => {
      expect(values[i], `step ${i}`).toBeCloseTo(value, 12);
    });
  });

  it('is plain data between steps', () => {
    const coefficient = adaptiveEntropy({ target: 1 });
    const state = nextState(coefficient, initialState(coefficient), 0.5);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expect(state).toEqual({ value: 0.005, observed: 0.5 });
  });
});
