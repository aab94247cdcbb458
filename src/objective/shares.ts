import { assertFinite, assertLength } from '../tensor/shape.js';
import { type AdvantageScale, DEFAULT_EPSILON, normalizeWithinGroups } from './advantages.js';
import type { Abstention, RewardAggregation, RewardTable } from './combine.js';
import { countGroups, nanMoments } from './statistics.js';

/** How rewards became advantages; what `combineRewards` was given. */
export interface RewardSharesInput {
  readonly table: RewardTable;
  /** `[K]`; default all 1. */
  readonly weights?: readonly number[];
  /** G: samples of one prompt, side by side. */
  readonly groupSize: number;
  /** Default `sum-then-normalize`. */
  readonly aggregation?: RewardAggregation;
  /** Default `neutral`. */
  readonly abstention?: Abstention;
  /** Default `group`. */
  readonly scale?: AdvantageScale;
  /** Added to the spread in `normalize-then-sum`. Default 1e-4. */
  readonly epsilon?: number;
}

/**
 * How much of the advantage each reward decides. With c_ik what reward k adds to the total t_i of sample i, and
 * moments within groups:
 *
 *     share_k = cov(c_k, t) / var(t)
 *
 * The shares add up to 1; one below 0 belongs to a reward that loses against the others. Where the advantage
 * divides by each group's own spread (`sum-then-normalize` at scale `group`), every group with a spread counts the
 * same; otherwise groups count by their variance. For `normalize-then-sum` c are the weighted standard scores.
 * @returns by name, of the rewards whose weight is not 0; all 0 if no group has a spread
 * @throws BicotError `shape`, `group-size`, `non-finite`
 */
export function rewardShares(input: RewardSharesInput): Record<string, number> {
  const { table, groupSize, aggregation = 'sum-then-normalize', scale = 'group' } = input;
  const weights = input.weights ?? table.names.map(() => 1);
  assertLength('rewardShares: weights', weights, table.names.length, 'K, one weight per reward');
  assertFinite('rewardShares: weights', weights);
  assertLength('rewardShares: table.values', table.values, table.rows * table.names.length, 'N · K');
  const groups = countGroups('rewardShares', table.rows, groupSize);

  const counted = table.names.map((_, k) => k).filter((k) => weights[k] !== 0);
  const parts = counted.map((k) => contribution(input, k, weights[k] as number));
  // As in combineRewards: under `zero`, rewards of weight 0 make a sample count too.
  const scored = scoredSamples(table, input.abstention === 'zero' ? [...table.names.keys()] : counted);
  const equal = aggregation === 'sum-then-normalize' && scale === 'group';
  const sums = counted.map(() => 0);
  let weight = 0;
  for (let group = 0; group < groups; group++) {
    const rows = Array.from({ length: groupSize }, (_, i) => group * groupSize + i).filter((i) => scored[i]);
    const { covariances, variance } = groupMoments(parts, rows);
    if (variance === 0) continue;
    // Either every group as a whole, or every group by its variance.
    const divisor = equal ? variance : 1;
    weight += variance / divisor;
    covariances.forEach((covariance, k) => {
      sums[k] = (sums[k] as number) + covariance / divisor;
    });
  }
  return Object.fromEntries(
    counted.map((k, at) => [table.names[k] as string, weight === 0 ? 0 : (sums[at] as number) / weight]),
  );
}

/** `[N]`: what reward `k` adds to the totals, 0 where it adds nothing. */
function contribution(input: RewardSharesInput, k: number, weight: number): Float64Array {
  const { table, groupSize, aggregation, abstention = 'neutral', epsilon = DEFAULT_EPSILON } = input;
  const width = table.names.length;
  const scores = Float64Array.from({ length: table.rows }, (_, i) => table.values[i * width + k] as number);
  const values =
    aggregation === 'normalize-then-sum' ? normalizeWithinGroups(scores, groupSize, epsilon) : scores;
  return values.map((value, i) => {
    if (!Number.isNaN(value)) return weight * value;
    if (aggregation === 'normalize-then-sum' || abstention === 'zero') return 0;
    const start = i - (i % groupSize);
    const { mean } = nanMoments(scores, start, start + groupSize);
    return Number.isNaN(mean) ? 0 : weight * mean;
  });
}

/** Per sample, whether any of some rewards scored it. */
function scoredSamples({ values, names, rows }: RewardTable, counted: readonly number[]): boolean[] {
  return Array.from({ length: rows }, (_, i) =>
    counted.some((k) => !Number.isNaN(values[i * names.length + k] as number)),
  );
}

/** Σ of products of deviations from the group's mean: of each part with the total, and of the total with itself. */
function groupMoments(
  parts: readonly Float64Array[],
  rows: readonly number[],
): { covariances: number[]; variance: number } {
  const centred = parts.map((part) => {
    const values = rows.map((i) => part[i] as number);
    const { mean } = nanMoments(values);
    return values.map((value) => value - mean);
  });
  const total = rows.map((_, i) => centred.reduce((sum, part) => sum + (part[i] as number), 0));
  const withTotal = (part: readonly number[]) =>
    part.reduce((sum, value, i) => sum + value * (total[i] as number), 0);
  return { covariances: centred.map(withTotal), variance: withTotal(total) };
}
