import { BicotError } from '../errors.js';

/**
 * Throws if the signal was raised.
 * @param where what stops, e.g. `train: step 3, update`
 * @throws BicotError `aborted`
 */
export function throwIfAborted(where: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new BicotError('aborted', `${where}: stopped by the abort signal; no update was left half-made.`, {
      cause: signal.reason,
    });
  }
}

/**
 * Throws unless a number is finite; to be called before any weight changes.
 * @param where e.g. `train: step 3, update`
 * @throws BicotError `non-finite`
 */
export function assertFiniteNumber(where: string, what: string, value: number): void {
  if (!Number.isFinite(value)) {
    throw new BicotError(
      'non-finite',
      `${where}: ${what} is ${value}. The weights were left as they were. Lower the learning rate or maxGradNorm, and look at the log-probs of the samples.`,
    );
  }
}

/**
 * Throws if a log-prob is NaN. The loss alone would not always tell: some backends make a number of NaN on the way.
 * @param where e.g. `train: step 3, update`
 * @param whose e.g. `the policy`
 * @throws BicotError `non-finite`
 */
export function assertNoNaN(where: string, whose: string, level: string, logProbs: ArrayLike<number>): void {
  for (let i = 0; i < logProbs.length; i++) {
    if (!Number.isNaN(logProbs[i])) continue;
    throw new BicotError(
      'non-finite',
      `${where}: log-probs of ${whose} at level '${level}' are NaN, so logits() gave NaN. The weights were left as they were. Look for a division by 0 or a logarithm of 0 in the model, or go back to weights before they diverged.`,
    );
  }
}

/**
 * Throws unless a number is a whole one of at least `least`.
 * @throws BicotError `value`
 */
export function assertCount(where: string, what: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new BicotError(
      'value',
      `${where}: ${what} is ${value}, but must be a whole number of at least ${least}.`,
    );
  }
}
