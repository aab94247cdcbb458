import { BicotError } from '../errors.js';
import { assertKnownOptions, assertNumber, NOT_NEGATIVE, POSITIVE } from '../options.js';

/** A coefficient that follows what is measured, as plain rules: whoever trains keeps its value (`CoefficientState`). */
export interface AdaptiveCoefficient {
  /** For logs. */
  readonly name: string;
  /** Its numbers, for logs and saved configurations. */
  readonly settings: Readonly<Record<string, number>>;
  /** Its value at the first update. */
  readonly initial: number;
  /** The value after an update at which `observed` was measured. */
  readonly next: (value: number, observed: number) => number;
  /** Whether the value counts, after `observed` was measured; otherwise 0 does. Default: always. */
  readonly applies?: (observed: number) => boolean;
}

/** β or the weight of an entropy bonus: fixed, or adaptive. */
export type Coefficient = number | AdaptiveCoefficient;

/** Where an adaptive coefficient stands. Plain data: save it, and a run goes on as if never stopped. */
export interface CoefficientState {
  /** What it is worth in the next update. */
  readonly value: number;
  /** What was measured last; absent before the first update. */
  readonly observed?: number;
}

/** Where a coefficient starts. */
export function initialState(coefficient: Coefficient): CoefficientState {
  return { value: typeof coefficient === 'number' ? coefficient : coefficient.initial };
}

/** What a coefficient is worth in the next update. */
export function coefficientValue(coefficient: Coefficient, state: CoefficientState): number {
  if (typeof coefficient === 'number') return coefficient;
  const { applies } = coefficient;
  if (!applies) return state.value;
  return state.observed !== undefined && applies(state.observed) ? state.value : 0;
}

/** Where a coefficient stands after an update at which `observed` was measured. NaN (nothing was) changes nothing. */
export function nextState(
  coefficient: Coefficient,
  state: CoefficientState,
  observed: number,
): CoefficientState {
  if (typeof coefficient === 'number' || Number.isNaN(observed)) return state;
  return { value: coefficient.next(state.value, observed), observed };
}

/** Whether a coefficient can ever be other than 0. */
export function isActive(coefficient: Coefficient): boolean {
  return typeof coefficient !== 'number' || coefficient > 0;
}

/**
 * Throws unless a coefficient is a finite number, not negative, or adaptive.
 * @throws BicotError `value`
 */
export function checkCoefficient(what: string, name: string, coefficient: Coefficient): void {
  if (typeof coefficient === 'object' && coefficient !== null && typeof coefficient.next === 'function') {
    assertNumber(what, `${name}.initial`, coefficient.initial, NOT_NEGATIVE);
    return;
  }
  if (typeof coefficient === 'number' && NOT_NEGATIVE.test(coefficient)) return;
  throw new BicotError(
    'value',
    `${what}: ${name} is ${String(coefficient)}, but must be finite and not negative, or an adaptive coefficient such as adaptiveKl({ initial: 0.01, target: 0.05 }).`,
  );
}

/** Options of `adaptiveKl`. */
export interface AdaptiveKlOptions {
  /** β at the first step. */
  readonly initial: number;
  /** The KL per token, in nats, that β is to hold. */
  readonly target: number;
  /** Steps in which β can change by about a factor of e^0.2 ≈ 1.2. Default 10. */
  readonly horizon?: number;
}

/**
 * β that rises while the policy is further from the reference than wanted and falls while it is nearer
 * (Ziegler et al. 2019, arXiv 1909.08593, §2.2; verl's `AdaptiveKLController`):
 *
 *     β ← β·(1 + clip(KL / target − 1, −0.2, 0.2) / horizon)
 *
 * @throws BicotError `value`
 */
export function adaptiveKl(options: AdaptiveKlOptions): AdaptiveCoefficient {
  assertKnownOptions('adaptiveKl', options, ['initial', 'target', 'horizon']);
  const { initial, target, horizon = 10 } = options;
  // From 0 it would never move.
  assertNumber('adaptiveKl', 'initial', initial, POSITIVE);
  assertNumber('adaptiveKl', 'target', target, POSITIVE);
  assertNumber('adaptiveKl', 'horizon', horizon, {
    words: 'a number of steps, at least 1',
    test: (steps) => steps >= 1 && Number.isFinite(steps),
  });
  return {
    name: 'adaptiveKl',
    settings: { initial, target, horizon },
    initial,
    next: (value, observed) => value * (1 + Math.min(0.2, Math.max(-0.2, observed / target - 1)) / horizon),
  };
}

/** Options of `adaptiveEntropy`. */
export interface AdaptiveEntropyOptions {
  /** The entropy per token, in nats, below which a bonus is paid. */
  readonly target: number;
  /** The weight at the first step. Default 0. */
  readonly initial?: number;
  /** Change of the weight per step. Default 0.005. */
  readonly delta?: number;
  /** Default 0. */
  readonly min?: number;
  /** Default 1. */
  readonly max?: number;
}

/**
 * The weight of an entropy bonus that keeps a level from becoming too sure of itself (Skywork-OR1, arXiv 2505.22312,
 * §4; TRL's `use_adaptive_entropy`): it rises by `delta` after a step whose entropy was at or below the target and
 * falls by as much after another, within `[min, max]`; and it counts only while the entropy is at or below the target.
 * @throws BicotError `value`
 */
export function adaptiveEntropy(options: AdaptiveEntropyOptions): AdaptiveCoefficient {
  assertKnownOptions('adaptiveEntropy', options, ['target', 'initial', 'delta', 'min', 'max']);
  const { target, initial = 0, delta = 0.005, min = 0, max = 1 } = options;
  assertNumber('adaptiveEntropy', 'target', target, POSITIVE);
  assertNumber('adaptiveEntropy', 'delta', delta, POSITIVE);
  assertNumber('adaptiveEntropy', 'min', min, NOT_NEGATIVE);
  assertNumber('adaptiveEntropy', 'max', max, {
    words: `finite and at least min, ${min}`,
    test: (value) => value >= min && Number.isFinite(value),
  });
  assertNumber('adaptiveEntropy', 'initial', initial, {
    words: `within [min, max] = [${min}, ${max}]`,
    test: (value) => value >= min && value <= max,
  });
  return {
    name: 'adaptiveEntropy',
    settings: { target, initial, delta, min, max },
    initial,
    next: (value, observed) =>
      observed <= target ? Math.min(max, value + delta) : Math.max(min, value - delta),
    applies: (observed) => observed <= target,
  };
}
