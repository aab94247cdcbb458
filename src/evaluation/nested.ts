import { BicotError } from '../errors.js';
import { type UniformStream, uniformInteger } from '../tensor/noise.js';

/**
 * Numbers in tiers: prompts that hold samples are `[[…], […]]`, seeds that hold prompts that hold samples one tier more.
 * All numbers lie in the last tier. NaN is no number: it counts as absent, never as zero.
 */
export type Nested = readonly (number | Nested)[];

/**
 * Without NaN, and without what then is empty.
 * @throws BicotError `non-finite` for infinities; `value` for what is neither a number nor a list, and for numbers that lie in different tiers
 */
export function withoutNaN(what: string, data: Nested): Nested {
  const kept = pruned(what, data);
  tiersOf(what, kept);
  return kept;
}

function pruned(what: string, data: Nested): Nested {
  return data.flatMap((child): (number | Nested)[] => {
    if (typeof child === 'number') {
      if (Number.isNaN(child)) return [];
      if (Number.isFinite(child)) return [child];
      throw new BicotError(
        'non-finite',
        `${what}: there is ${child} among the numbers; finite numbers are needed, or NaN where there is none.`,
      );
    }
    if (!Array.isArray(child)) {
      throw new BicotError('value', `${what}: ${String(child)} is neither a number nor a list of them.`);
    }
    const rest = pruned(what, child);
    return rest.length > 0 ? [rest] : [];
  });
}

/**
 * How many tiers there are: 1 for a list of numbers.
 * @throws BicotError `value` if numbers lie in different tiers
 */
export function tiersOf(what: string, data: Nested): number {
  const depths = new Set(data.map((child) => (typeof child === 'number' ? 1 : 1 + tiersOf(what, child))));
  if (depths.size > 1) {
    throw new BicotError(
      'value',
      `${what}: numbers lie in tiers ${[...depths].sort().join(' and ')}, but must all lie in the last one. Nest each as deep as the others.`,
    );
  }
  return [...depths][0] ?? 1;
}

/** How many numbers there are. */
export function countNumbers(data: Nested): number {
  return data.reduce<number>((sum, child) => sum + (typeof child === 'number' ? 1 : countNumbers(child)), 0);
}

/**
 * The mean of the children's means: every prompt counts alike, however many of its samples have a number.
 * @param data without NaN
 * @returns NaN if there is nothing
 */
export function nestedMean(data: Nested): number {
  return resampledMean(data, [], noDraw);
}

const noDraw: UniformStream = () => Number.NaN;

/** Tiers below the first `tiers` become their means; means of what is left are unchanged. */
export function collapsed(data: Nested, tiers: number): Nested {
  return data.map((child) => {
    if (typeof child === 'number') return child;
    return tiers <= 1 ? nestedMean(child) : collapsed(child, tiers - 1);
  });
}

/**
 * Draws as many children as there are, with replacement, in the tiers that `resample` says; a child that was drawn twice
 * has its own children drawn anew each time. Draws run depth first.
 */
export function resampled(
  data: Nested,
  resample: readonly boolean[],
  stream: UniformStream,
  tier = 0,
): Nested {
  return data.map((_, i) => {
    const child = drawn(data, i, resample[tier], stream);
    return typeof child === 'number' ? child : resampled(child, resample, stream, tier + 1);
  });
}

/** `nestedMean(resampled(…))`, without the lists. */
export function resampledMean(
  data: Nested,
  resample: readonly boolean[],
  stream: UniformStream,
  tier = 0,
): number {
  const count = data.length;
  if (count === 0) return Number.NaN;
  let [origin, shifted] = [0, 0];
  for (let i = 0; i < count; i++) {
    const child = drawn(data, i, resample[tier], stream);
    const value = typeof child === 'number' ? child : resampledMean(child, resample, stream, tier + 1);
    // Differences to the first number are summed, so that the mean of equal numbers is exact.
    if (i === 0) origin = value;
    shifted += value - origin;
  }
  return origin + shifted / count;
}

function drawn(data: Nested, i: number, draws: boolean | undefined, stream: UniformStream): number | Nested {
  return data[draws ? uniformInteger(stream, data.length) : i] as number | Nested;
}
