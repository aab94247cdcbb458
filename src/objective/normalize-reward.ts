import { BicotError } from '../errors.js';
import { assertKnownOptions } from '../options.js';
import { DEFAULT_EPSILON, normalizeWithinGroups } from './advantages.js';
import { countGroups, rowsOfGroup } from './statistics.js';

/**
 * What one reward's scores become before they are put together with others. `none`: nothing. `group`: standard scores
 * within each group, so that its scale does not matter. `rank`: its rank within the group, from 0 (worst) to 1 (best),
 * so that only the order matters; equal scores share their mean rank, a lone score is ½.
 */
export type RewardNormalization = 'none' | 'group' | 'rank';

/** How one reward's scores are prepared: first clipped, then normalised. */
export interface RewardPreparation {
  /** Scores beyond `[lowest, highest]` count as these. Default: no bounds. */
  readonly clip?: readonly [lowest: number, highest: number];
  /** Default `none`. */
  readonly normalize?: RewardNormalization;
}

const NORMALIZATIONS: readonly string[] = ['none', 'group', 'rank'] satisfies RewardNormalization[];

/**
 * Throws unless a preparation can be made.
 * @param what who asks, e.g. `rewardEnsemble: member "clip"`
 * @throws BicotError `value`
 */
export function checkPreparation(what: string, preparation: RewardPreparation): void {
  assertKnownOptions(what, preparation, ['clip', 'normalize']);
  const { clip, normalize = 'none' } = preparation;
  if (!NORMALIZATIONS.includes(normalize)) {
    throw new BicotError(
      'value',
      `${what}: normalize is ${JSON.stringify(normalize)}; use 'none', 'group' (standard scores) or 'rank'.`,
    );
  }
  if (clip === undefined) return;
  const valid = Array.isArray(clip) && clip.length === 2 && clip.every(Number.isFinite);
  if (!valid || !((clip[0] as number) < (clip[1] as number))) {
    throw new BicotError(
      'value',
      `${what}: clip is ${JSON.stringify(clip)}; expected [lowest, highest], two finite numbers in that order.`,
    );
  }
}

/**
 * One reward's scores, clipped and normalised within their groups.
 * @param scores `[N]`, NaN where the reward gave none; stays NaN
 * @param epsilon added to the spread of `group`. Default 1e-4
 * @returns `[N]`, a copy
 * @throws BicotError `value`, `group-size`, `shape`, `non-finite`
 */
export function prepareReward(
  scores: Float64Array,
  groupSize: number,
  preparation: RewardPreparation = {},
  epsilon: number = DEFAULT_EPSILON,
): Float64Array {
  checkPreparation('prepareReward', preparation);
  const { clip, normalize = 'none' } = preparation;
  const clipped = clip ? scores.map((x) => Math.min(clip[1], Math.max(clip[0], x))) : scores.slice();
  if (normalize === 'group') return normalizeWithinGroups(clipped, groupSize, epsilon);
  return normalize === 'rank' ? rankWithinGroups(clipped, groupSize) : clipped;
}

/**
 * Ranks within each group, from 0 to 1: `(rank − 1) / (n − 1)` of the n scores, where equal ones share their mean rank.
 * @param scores `[N]`, NaN where there is none; stays NaN
 * @returns `[N]`
 * @throws BicotError `group-size`, `shape`
 */
export function rankWithinGroups(scores: ArrayLike<number>, groupSize: number): Float64Array {
  const groups = countGroups('rankWithinGroups', scores.length, groupSize, 1);
  const ranks = new Float64Array(scores.length).fill(Number.NaN);
  for (let group = 0; group < groups; group++) {
    const rows = rowsOfGroup(group, groupSize).filter((i) => !Number.isNaN(scores[i] as number));
    for (const i of rows) {
      const below = rows.filter((j) => (scores[j] as number) < (scores[i] as number)).length;
      const equal = rows.filter((j) => scores[j] === scores[i]).length;
      ranks[i] = rows.length === 1 ? 0.5 : (below + (equal - 1) / 2) / (rows.length - 1);
    }
  }
  return ranks;
}
