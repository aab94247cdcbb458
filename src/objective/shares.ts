import { BicotError } from '../errors.js';
import { type AdvantageScale, DEFAULT_EPSILON, normalizeWithinGroups } from './advantages.js';
import type { RewardAggregation } from './combine.js';
import type { RewardTable } from './reward-table.js';
import { nanMoments, rowsOfGroup } from './statistics.js';
import {
  combineScores,
  filledColumns,
  type PreparedTable,
  prepareTable,
  scorable,
  type TotalOptions,
} from './total.js';

/** How rewards became advantages; what `combineRewards` was given. */
export interface RewardSharesInput extends TotalOptions {
  /** `[N, K]`: what each reward gave each sample. */
  readonly table: RewardTable;
  /** Default `sum-then-normalize`. */
  readonly aggregation?: RewardAggregation;
  /** Default `group`. */
  readonly scale?: AdvantageScale;
}

/** Shapley values are sums over all subsets of the rewards. */
const MOST_REWARDS = 12;

/**
 * How much of the advantage each reward decides. With c_ik what reward k adds to the total t_i of sample i, and
 * moments within groups:
 *
 *     share_k = cov(c_k, t) / var(t)
 *
 * The shares add up to 1; one below 0 belongs to a reward that loses against the others. Where the advantage
 * divides by each group's own spread (`sum-then-normalize` at scale `group`), every group with a spread counts the
 * same; otherwise groups count by their variance. In a sum, c are the weighted scores (for `normalize-then-sum` the
 * weighted standard scores). In a product or a minimum, c are Shapley values: what replacing the group's mean score by the
 * sample's own changes in the total, averaged over all orders of the rewards.
 * @returns by name, of the rewards whose weight is not 0; all 0 if no group has a spread
 * @throws BicotError as `combineRewards`, and `value` for more than 12 rewards in a product or a minimum
 */
export function rewardShares(input: RewardSharesInput): Record<string, number> {
  const { table, aggregation = 'sum-then-normalize', scale = 'group' } = input;
  const prepared = prepareTable('rewardShares', table, input, 2);
  const { groups, groupSize, weights, names } = prepared;
  const counted = names.map((_, k) => k).filter((k) => weights[k] !== 0);
  const parts = contributions(prepared, counted, aggregation, input.epsilon ?? DEFAULT_EPSILON);
  const scored = scorable(prepared);
  const equal = aggregation === 'sum-then-normalize' && scale === 'group';
  const sums = counted.map(() => 0);
  let weight = 0;
  for (let group = 0; group < groups; group++) {
    const rows = rowsOfGroup(group, groupSize).filter((i) => scored[i]);
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
    counted.map((k, at) => [names[k] as string, weight === 0 ? 0 : (sums[at] as number) / weight]),
  );
}

/** `[counted]` of `[N]`: what these rewards add to the totals, 0 where one adds nothing. */
function contributions(
  prepared: PreparedTable,
  counted: readonly number[],
  aggregation: RewardAggregation,
  epsilon: number,
): Float64Array[] {
  const { columns, groupSize, weights, combination } = prepared;
  if (combination !== 'sum') return shapleyValues(prepared);
  const values =
    aggregation === 'normalize-then-sum'
      ? columns.map((column) => normalizeWithinGroups(column, groupSize, epsilon))
      : filledColumns(prepared);
  return counted.map((k) =>
    (values[k] as Float64Array).map((value) => (Number.isNaN(value) ? 0 : (weights[k] as number) * value)),
  );
}

/** `[K]` of `[N]`: Shapley values of the rewards in each sample's total, beside a sample with the group's mean scores. */
function shapleyValues(prepared: PreparedTable): Float64Array[] {
  const { rows, weights, combination, groupSize } = prepared;
  const width = weights.length;
  if (width > MOST_REWARDS) {
    throw new BicotError(
      'value',
      `rewardShares: ${width} rewards in a '${combination}'; at most ${MOST_REWARDS} can be told apart. Nest some of them in an ensemble of their own.`,
    );
  }
  const filled = filledColumns(prepared);
  const means = filled.map((column) => groupMeans(column, groupSize));
  const values = filled.map(() => new Float64Array(rows));
  const orders = subsetWeights(width);
  for (let i = 0; i < rows; i++) {
    // [2^K]: the totals with the sample's own scores in a subset of the rewards, and the means in the others.
    const totals = Float64Array.from({ length: 2 ** width }, (_, subset) =>
      combineScores(
        filled.map((column, k) => ((subset >> k) & 1 ? column : (means[k] as Float64Array))[i] as number),
        weights,
        combination,
      ),
    );
    totals.forEach((total, subset) => {
      for (let k = 0; k < width; k++) {
        if ((subset >> k) & 1) continue;
        const gain = (totals[subset | (1 << k)] as number) - total;
        const value = values[k] as Float64Array;
        value[i] = (value[i] as number) + (orders[bits(subset)] as number) * gain;
      }
    });
  }
  return values;
}

const bits = (subset: number): number => (subset === 0 ? 0 : (subset & 1) + bits(subset >> 1));

/** `[K]`: |S|! (K − |S| − 1)! / K!, the share of the orders in which exactly the rewards S come before another. */
function subsetWeights(width: number): number[] {
  const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
  return Array.from(
    { length: width },
    (_, size) => (factorial(size) * factorial(width - size - 1)) / factorial(width),
  );
}

/** `[N]`: every sample's group mean. */
function groupMeans(column: Float64Array, groupSize: number): Float64Array {
  return column.map((_, i) => {
    const start = i - (i % groupSize);
    return nanMoments(column, start, start + groupSize).mean;
  });
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
