import { BicotError } from '../errors.js';

/** Mean and spread of the numbers in a range that are not NaN. */
export interface Moments {
  /** How many are not NaN. */
  readonly count: number;
  /** NaN if there are none. */
  readonly mean: number;
  /** Bessel-corrected (divided by count − 1), as `torch.std`; 0 below two numbers. */
  readonly std: number;
}

/** Moments of `values[start … end)`, NaN left out, in float64. */
export function nanMoments(values: ArrayLike<number>, start = 0, end = values.length): Moments {
  let count = 0;
  let origin = 0;
  let shifted = 0;
  for (let i = start; i < end; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    // Summing differences to the first value makes the mean of equal numbers exact: a group of equal
    // rewards then has a spread and advantages of exactly 0.
    if (count++ === 0) origin = value;
    shifted += value - origin;
  }
  if (count === 0) return { count, mean: Number.NaN, std: 0 };
  const mean = origin + shifted / count;
  let squares = 0;
  for (let i = start; i < end; i++) {
    const value = values[i] as number;
    if (!Number.isNaN(value)) squares += (value - mean) ** 2;
  }
  return { count, mean, std: count > 1 ? Math.sqrt(squares / (count - 1)) : 0 };
}

/**
 * The number of groups in `length` samples.
 * @param least the smallest group: two where samples are compared, one where each stands alone
 * @throws BicotError `group-size` below that; `shape` if the groups don't fill the batch
 */
export function countGroups(what: string, length: number, groupSize: number, least = 2): number {
  if (!Number.isInteger(groupSize) || groupSize < least) {
    throw new BicotError(
      'group-size',
      `${what}: groupSize is ${groupSize}, but an advantage compares samples of one prompt, so it must be an integer of at least ${least}. Sample more images per prompt.`,
    );
  }
  if (length % groupSize !== 0) {
    throw new BicotError(
      'shape',
      `${what}: ${length} samples don't divide into groups of ${groupSize}. Pass all G samples of every prompt, side by side.`,
    );
  }
  return length / groupSize;
}

/** The rows of a group's samples: `[G]` of N. */
export function rowsOfGroup(group: number, groupSize: number): number[] {
  return Array.from({ length: groupSize }, (_, i) => group * groupSize + i);
}

/**
 * Throws if a number is infinite; NaN passes, as it stands for "no score".
 * @throws BicotError `non-finite`; `value` for what is no number
 */
export function assertNoInfinity(what: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (typeof value !== 'number') {
      throw new BicotError(
        'value',
        `${what}: ${String(value)} at position ${i} is no number; NaN stands for "no score".`,
      );
    }
    if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) {
      throw new BicotError(
        'non-finite',
        `${what}: value ${value} at position ${i}; a finite number is needed, or NaN where there is no score. Bound the reward, or let it abstain.`,
      );
    }
  }
}
