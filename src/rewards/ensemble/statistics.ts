import { type RewardTable, rewardColumn } from '../../objective/reward-table.js';
import { nanMoments } from '../../objective/statistics.js';
import type { RewardResult } from '../reward.js';
import type { EnsembleResult } from './result.js';

/** What one reward gave some samples. Numbers are NaN where it scored none (`null` in JSON). */
export interface MemberStatistics {
  /** Over the samples that it scored. */
  readonly mean: number;
  /** Bessel-corrected. */
  readonly std: number;
  /** Samples that it abstained on. */
  readonly abstained: number;
  /** Samples that it could not score. */
  readonly failed: number;
  /** Why, for the first of them; absent if there is none. */
  readonly failureReason?: string;
}

/** What one member of an ensemble gave a batch, beside its group-mates and the total. */
export interface RewardStatistics extends MemberStatistics {
  /** Mean over the groups of its standard deviation inside; NaN where it scored fewer than two samples of every group. */
  readonly groupStd: number;
  /** Share of the groups that it scored (two samples at least) in which all its scores are equal. */
  readonly zeroVarianceFraction: number;
  /** Pearson's, with the total, of deviations from the group's mean; NaN if one of the two never varies. */
  readonly correlation: number;
}

/** Counts and moments of one reward's results. */
export function memberStatistics(results: readonly RewardResult[]): MemberStatistics {
  const { count, mean, std } = nanMoments(scoresOf(results));
  const failures = results.filter((result) => result.kind === 'failure');
  return {
    mean,
    std: count === 0 ? Number.NaN : std,
    abstained: results.filter(({ kind }) => kind === 'abstain').length,
    failed: failures.length,
    ...(failures[0] ? { failureReason: failures[0].reason } : {}),
  };
}

const scoresOf = (results: readonly RewardResult[]): Float64Array =>
  Float64Array.from(results, (result) => (result.kind === 'score' ? result.value : Number.NaN));

/**
 * Statistics of some members.
 * @param names trained members or monitors
 * @param groupSize G: samples of one prompt, side by side
 * @returns by name
 */
export function rewardStatistics(
  { results, total }: EnsembleResult,
  names: readonly string[],
  groupSize: number,
): Record<string, RewardStatistics> {
  return Object.fromEntries(
    names.map((name) => {
      const ofMember = results[name] ?? [];
      const scores = scoresOf(ofMember);
      return [
        name,
        {
          ...memberStatistics(ofMember),
          ...groupSpread(scores, groupSize),
          correlation: correlationWithinGroups([{ a: scores, b: total }], groupSize),
        },
      ];
    }),
  );
}

function groupSpread(
  scores: Float64Array,
  groupSize: number,
): Pick<RewardStatistics, 'groupStd' | 'zeroVarianceFraction'> {
  const spreads: number[] = [];
  for (let start = 0; start < scores.length; start += groupSize) {
    const { count, std } = nanMoments(scores, start, start + groupSize);
    if (count > 1) spreads.push(std);
  }
  const { mean } = nanMoments(spreads);
  const flat = spreads.filter((std) => std === 0).length;
  return { groupStd: mean, zeroVarianceFraction: spreads.length === 0 ? Number.NaN : flat / spreads.length };
}

/** Two series of numbers that stand side by side, NaN where there is none. */
export interface PairedScores {
  readonly a: ArrayLike<number>;
  readonly b: ArrayLike<number>;
}

/** Columns of a table beside each other. */
export function pairColumns(table: RewardTable, a: number, b: number): PairedScores {
  return { a: rewardColumn(table, a), b: rewardColumn(table, b) };
}

/** Pearson's correlation of deviations from the group's mean, over the pairs that have both numbers; NaN if one never varies. */
export function correlationWithinGroups(batches: readonly PairedScores[], groupSize: number): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (const { a, b } of batches) {
    for (let start = 0; start < a.length; start += groupSize) {
      const pairs = Array.from({ length: Math.min(groupSize, a.length - start) }, (_, i) => ({
        x: a[start + i] as number,
        y: b[start + i] as number,
      })).filter(({ x, y }) => !Number.isNaN(x) && !Number.isNaN(y));
      const { mean: meanX } = nanMoments(pairs.map(({ x }) => x));
      const { mean: meanY } = nanMoments(pairs.map(({ y }) => y));
      for (const { x, y } of pairs) {
        ab += (x - meanX) * (y - meanY);
        aa += (x - meanX) ** 2;
        bb += (y - meanY) ** 2;
      }
    }
  }
  return ab / Math.sqrt(aa * bb);
}
