import { assertKnownOptions, assertNumber, POSITIVE_INTEGER } from '../options.js';
import { uniformStream } from '../tensor/noise.js';

/** Options of `signFlipTest`. */
export interface SignFlipOptions {
  /** Drawn sign patterns; default 9999. Where there are no more patterns than that, all of them are counted instead. */
  readonly flips?: number;
  /** Default 0. */
  readonly seed?: number;
}

/**
 * Is the mean of paired differences other than 0? A permutation test, two-sided: if the two sides did not differ, every
 * difference could as well have the other sign.
 * @param differences one a unit (of a prompt, the mean over its samples); NaN is left out
 * @returns p: how often signs at random give a mean as far from 0; NaN if there is no difference to go by. Drawn patterns give
 *   `(1 + as far) / (1 + flips)`, which is never 0 and never too small on average (Phipson and Smyth 2010)
 * @throws BicotError `value`
 */
export function signFlipTest(differences: readonly number[], options: SignFlipOptions = {}): number {
  assertKnownOptions('signFlipTest', options, ['flips', 'seed']);
  const { flips = 9999, seed = 0 } = options;
  assertNumber('signFlipTest', 'flips', flips, POSITIVE_INTEGER);
  if (differences.every(Number.isNaN)) return Number.NaN;
  // A difference of 0 is the same with either sign.
  const sizes = differences.filter((value) => Math.abs(value) > 0);
  const all = 2 ** sizes.length;
  const exact = all <= flips + 1;
  const sum = sizes.reduce((total, value) => total + value, 0);
  // Sums that are equal but for rounding count as equal.
  const far = Math.abs(sum) - 1e-12 * sizes.reduce((total, value) => total + Math.abs(value), 0);
  const stream = uniformStream(seed, 'sign flips');
  let asFar = 0;
  for (let pattern = 0; pattern < (exact ? all : flips); pattern++) {
    let flipped = 0;
    sizes.forEach((value, i) => {
      const keeps = exact ? (pattern >> i) & 1 : stream() < 0.5;
      flipped += keeps ? value : -value;
    });
    if (Math.abs(flipped) >= far) asFar++;
  }
  return exact ? asFar / all : (1 + asFar) / (1 + flips);
}
