import { BicotError } from '../errors.js';
import { assertNumber, POSITIVE } from '../options.js';
import { assertNoInfinity, countGroups, nanMoments } from './statistics.js';

/** What the deviation from the group's mean is divided by: the group's spread, the batch's, or nothing (Dr. GRPO). */
export type AdvantageScale = 'group' | 'batch' | 'none';

/**
 * What a sample is compared with: the `mean` of its whole group, or of the others in it (`leave-one-out`: RLOO,
 * arXiv 2402.14740, with the scale `none`).
 */
export type AdvantageBaseline = 'mean' | 'leave-one-out';

/** Options of `groupAdvantages`. */
export interface AdvantageOptions {
  /** G: samples of one prompt, side by side. */
  readonly groupSize: number;
  /** Default `group`. */
  readonly scale?: AdvantageScale;
  /** Added to the spread: finite, not negative. Default 1e-4 (TRL, T2I-R1). */
  readonly epsilon?: number;
  /** Default `mean`. */
  readonly baseline?: AdvantageBaseline;
  /** Advantages are clipped to ± this, above 0. Default `null`: not at all. */
  readonly clip?: number | null;
}

/** Group-relative advantages and how much the groups have to tell. */
export interface GroupAdvantages {
  /** `[N]`; 0 where a sample could not be scored. */
  readonly advantages: Float32Array;
  /** `[B]`: standard deviation of each group; 0 where fewer than two samples could be scored. */
  readonly groupStd: Float64Array;
  /** `[B]`: whether a group has no spread, so that it teaches nothing. */
  readonly flat: readonly boolean[];
  /** Share of the flat groups. */
  readonly zeroVarianceFraction: number;
}

/** Added to the spread, as TRL and T2I-R1 do. */
export const DEFAULT_EPSILON = 1e-4;

/** Spreads below this count as none (the tolerance of `torch.isclose`). */
const ZERO_SPREAD = 1e-8;

/**
 * `deviation / divisor`, and 0 where there is no spread to divide by: with an epsilon of 0 a flat group would
 * give 0/0, or blow rounding errors up to whole standard deviations. NaN stays NaN.
 */
export function standardScore(deviation: number, divisor: number): number {
  return divisor <= ZERO_SPREAD && !Number.isNaN(deviation) ? 0 : deviation / divisor;
}

/**
 * Throws unless a scale is one of the three.
 * @throws BicotError `value`
 */
export function checkScale(what: string, scale: AdvantageScale): void {
  if (!['group', 'batch', 'none'].includes(scale)) {
    throw new BicotError(
      'value',
      `${what}: scale is ${JSON.stringify(scale)}; use 'group', 'batch' or 'none'.`,
    );
  }
}

/**
 * Throws unless what is added to a spread is finite and not negative.
 * @throws BicotError `value`
 */
export function checkEpsilon(what: string, epsilon: number): void {
  if (!(typeof epsilon === 'number' && epsilon >= 0 && epsilon < Number.POSITIVE_INFINITY)) {
    throw new BicotError(
      'value',
      `${what}: epsilon is ${epsilon}, but must be finite and not negative; ${DEFAULT_EPSILON} is usual.`,
    );
  }
}

/**
 * Throws unless a baseline is one of the two.
 * @throws BicotError `value`
 */
export function checkBaseline(what: string, baseline: AdvantageBaseline): void {
  if (['mean', 'leave-one-out'].includes(baseline)) return;
  throw new BicotError(
    'value',
    `${what}: baseline is ${JSON.stringify(baseline)}; use 'mean' (GRPO) or 'leave-one-out' (RLOO).`,
  );
}

/**
 * Throws unless a bound of advantages is above 0, or there is none.
 * @throws BicotError `value`
 */
export function checkAdvantageClip(what: string, clip: number | null): void {
  if (clip !== null) assertNumber(what, 'the clip of the advantages', clip, POSITIVE);
}

/** `values` clipped to ± `clip`; the same array without one. */
export function clipAdvantages(values: Float32Array, clip: number | null): Float32Array {
  return clip === null ? values : values.map((value) => Math.min(clip, Math.max(-clip, value)));
}

/**
 * How much better each sample is than the samples of the same prompt, in standard deviations (GRPO,
 * arXiv 2402.03300, §4.1.2; std is Bessel-corrected as in TRL and T2I-R1):
 *
 *     mean           A_i = (r_i − mean_group r) / (σ + ε)
 *     leave-one-out  A_i = (r_i − mean_{j ≠ i} r_j) / (σ + ε)
 *
 * On the host in float64. Samples that could not be scored (NaN) get 0 and are left out of the statistics; a
 * group without spread gets 0, whatever the epsilon.
 * @param rewards `[N]`, N = B·G; NaN where a sample could not be scored
 * @throws BicotError `group-size` (below 2), `shape` (N is not a multiple of G), `non-finite` (an infinite reward),
 * `value` (a scale, epsilon, baseline or clip that makes no sense)
 */
export function groupAdvantages(rewards: ArrayLike<number>, options: AdvantageOptions): GroupAdvantages {
  const { groupSize, scale = 'group', epsilon = DEFAULT_EPSILON, baseline = 'mean', clip = null } = options;
  checkScale('groupAdvantages', scale);
  checkEpsilon('groupAdvantages', epsilon);
  checkBaseline('groupAdvantages', baseline);
  checkAdvantageClip('groupAdvantages', clip);
  const groups = countGroups('groupAdvantages', rewards.length, groupSize);
  assertNoInfinity('groupAdvantages: rewards', rewards);

  const batchStd = nanMoments(rewards).std;
  const advantages = new Float32Array(rewards.length);
  const groupStd = new Float64Array(groups);
  for (let group = 0; group < groups; group++) {
    const start = group * groupSize;
    const { count, mean, std } = nanMoments(rewards, start, start + groupSize);
    groupStd[group] = std;
    const divisor = scale === 'none' ? 1 : (scale === 'batch' ? batchStd : std) + epsilon;
    // r_i − mean_{j ≠ i} r_j = (r_i − mean r)·n / (n − 1); a lone score has nobody to be compared with.
    const stretch = baseline === 'leave-one-out' && count > 1 ? count / (count - 1) : 1;
    for (let i = start; i < start + groupSize; i++) {
      const reward = rewards[i] as number;
      advantages[i] = Number.isNaN(reward) ? 0 : standardScore((reward - mean) * stretch, divisor);
    }
  }
  return { advantages: clipAdvantages(advantages, clip), ...flatness(groupStd) };
}

/** Which groups have no spread. */
function flatness(groupStd: Float64Array): Omit<GroupAdvantages, 'advantages'> {
  const flat = Array.from(groupStd, (std) => std <= ZERO_SPREAD);
  const count = flat.filter(Boolean).length;
  return { groupStd, flat, zeroVarianceFraction: flat.length === 0 ? 0 : count / flat.length };
}

/**
 * Standard scores within each group, `(x − mean) / (σ + ε)`; 0 without spread; NaN stays NaN.
 * @param values `[N]`, NaN where there is no value
 * @param epsilon finite, not negative. Default 1e-4
 * @returns `[N]`
 * @throws BicotError `group-size`, `shape`, `non-finite`, `value`, as `groupAdvantages`
 */
export function normalizeWithinGroups(
  values: ArrayLike<number>,
  groupSize: number,
  epsilon: number = DEFAULT_EPSILON,
): Float64Array {
  checkEpsilon('normalizeWithinGroups', epsilon);
  const groups = countGroups('normalizeWithinGroups', values.length, groupSize);
  assertNoInfinity('normalizeWithinGroups: values', values);
  const scores = new Float64Array(values.length);
  for (let group = 0; group < groups; group++) {
    const start = group * groupSize;
    const { mean, std } = nanMoments(values, start, start + groupSize);
    for (let i = start; i < start + groupSize; i++) {
      scores[i] = standardScore((values[i] as number) - mean, std + epsilon);
    }
  }
  return scores;
}
