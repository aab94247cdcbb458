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
