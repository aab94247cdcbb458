import { BicotError } from '../errors.js';
import { assertFinite, assertLength } from '../tensor/shape.js';
import {
  type AdvantageBaseline,
  type AdvantageScale,
  checkAdvantageClip,
  checkBaseline,
  checkEpsilon,
  checkScale,
  clipAdvantages,
  DEFAULT_EPSILON,
  type GroupAdvantages,
  groupAdvantages,
  normalizeWithinGroups,
  standardScore,
} from './advantages.js';
import { assertNoInfinity, countGroups, nanMoments } from './statistics.js';

/** The scores of K rewards for N samples. */
export interface RewardTable {
  /** `[K]`. */
  readonly names: readonly string[];
  /** `[N · K]`, row-major; NaN where a reward gave no score. */
  readonly values: Float64Array;
  /** N. */
  readonly rows: number;
}

/**
 * What a reward that gave no score contributes to a sample's total. `neutral`: the mean of what it gave the
 * other samples of the group, so that its silence neither helps nor hurts. `zero`: 0, as TRL does, which makes
 * samples look bad wherever a positive reward abstains.
 */
export type Abstention = 'neutral' | 'zero';

/**
 * `sum-then-normalize`: advantages of the weighted sum (TRL's default, T2I-R1). `normalize-then-sum`: every
 * reward is standardised within its group first, so that none dominates by its scale (GDPO, arXiv 2601.05242).
 */
export type RewardAggregation = 'sum-then-normalize' | 'normalize-then-sum';

/** Options of `weightedTotal`. */
export interface TotalOptions {
  /** `[K]`; default all 1. */
  readonly weights?: readonly number[];
  /** G: samples of one prompt, side by side. */
  readonly groupSize: number;
  /** Default `neutral`. */
  readonly abstention?: Abstention;
}

/** Options of `combineRewards`. */
export interface CombineOptions extends TotalOptions {
  /** Default `sum-then-normalize`. */
  readonly aggregation?: RewardAggregation;
  /** Default `group`, the only one for `normalize-then-sum`, which has its own: groups first, then the batch. */
  readonly scale?: AdvantageScale;
  /** Added to every spread. Default 1e-4. */
  readonly epsilon?: number;
  /** Default `mean`, the only one for `normalize-then-sum`. */
  readonly baseline?: AdvantageBaseline;
  /** Advantages are clipped to ± this. Default `null`: not at all. */
  readonly clip?: number | null;
}

/**
 * Advantages of several rewards. Under `normalize-then-sum`, `groupStd` is the spread of the summed standard
 * scores, which is what the advantages are made of.
 */
export interface CombinedRewards extends GroupAdvantages {
  /** `[N]`: weighted sum of the raw scores; NaN where a sample could not be scored. */
  readonly total: Float64Array;
}

/** A checked table with its weights. */
interface Checked {
  readonly table: RewardTable;
  readonly weights: readonly number[];
  readonly groups: number;
}

function check(what: string, table: RewardTable, options: TotalOptions, leastGroup = 2): Checked {
  const { names, values, rows } = table;
  const weights = options.weights ?? names.map(() => 1);
  assertLength(`${what}: weights`, weights, names.length, 'K, one weight per reward');
  assertFinite(`${what}: weights`, weights);
  assertLength(`${what}: table.values`, values, rows * names.length, 'N · K');
  if (names.length === 0) {
    throw new BicotError('reward', `${what}: the table has no reward. Pass at least one.`);
  }
  assertNoInfinity(`${what}: table.values (row-major, rewards ${names.join(', ')})`, values);
  return { table, weights, groups: countGroups(what, rows, options.groupSize, leastGroup) };
}

/** `[N]`: the scores of reward `k`. */
function column(table: RewardTable, k: number): Float64Array {
  const width = table.names.length;
  return Float64Array.from({ length: table.rows }, (_, i) => table.values[i * width + k] as number);
}

/** Per sample, whether any reward that counts scored it. Under `zero`, rewards of weight 0 count too (TRL). */
function scorable({ table, weights }: Checked, abstention: Abstention): boolean[] {
  const width = weights.length;
  return Array.from({ length: table.rows }, (_, i) =>
    weights.some(
      (weight, k) =>
        (weight !== 0 || abstention === 'zero') && !Number.isNaN(table.values[i * width + k] as number),
    ),
  );
}

/** Adds `weight · contribution` to the total of every sample; NaN adds nothing. */
function accumulate(total: Float64Array, contribution: Float64Array, weight: number): void {
  for (let i = 0; i < total.length; i++) {
    const value = contribution[i] as number;
    if (!Number.isNaN(value)) total[i] = (total[i] as number) + weight * value;
  }
}

/** Replaces NaN by the mean of the group's other values, if it has any. In place. */
function fillWithGroupMean(values: Float64Array, groups: number, groupSize: number): void {
  for (let group = 0; group < groups; group++) {
    const start = group * groupSize;
    const { mean } = nanMoments(values, start, start + groupSize);
    for (let i = start; i < start + groupSize; i++) {
      if (Number.isNaN(values[i] as number)) values[i] = mean;
    }
  }
}

function totalOf(checked: Checked, groupSize: number, abstention: Abstention): Float64Array {
  const { table, weights, groups } = checked;
  const total = new Float64Array(table.rows);
  weights.forEach((weight, k) => {
    const values = column(table, k);
    if (abstention === 'neutral') fillWithGroupMean(values, groups, groupSize);
    accumulate(total, values, weight);
  });
  scorable(checked, abstention).forEach((yes, i) => {
    if (!yes) total[i] = Number.NaN;
  });
  return total;
}

/**
 * The weighted sum of the rewards of each sample, `r_i = Σ_k w_k R_ik`, with abstentions filled in as asked.
 * @returns `[N]`; NaN where no reward gave a score
 * @throws BicotError `shape` (table, weights or groups don't fit), `group-size`, `non-finite`, `reward` (no reward)
 */
export function weightedTotal(table: RewardTable, options: TotalOptions): Float64Array {
  // A lone sample has a total, only no advantage.
  const checked = check('weightedTotal', table, options, 1);
  return totalOf(checked, options.groupSize, options.abstention ?? 'neutral');
}

/** GDPO's sum of the rewards' standard scores: `r_i = Σ_k w_k z_ik`, NaN where no reward gave a score. */
function sumOfScores(
  checked: Checked,
  groupSize: number,
  epsilon: number,
  abstention: Abstention,
): Float64Array {
  const { table, weights } = checked;
  const sum = new Float64Array(table.rows);
  weights.forEach((weight, k) => {
    accumulate(sum, normalizeWithinGroups(column(table, k), groupSize, epsilon), weight);
  });
  scorable(checked, abstention).forEach((yes, i) => {
    if (!yes) sum[i] = Number.NaN;
  });
  return sum;
}

/**
 * Advantages of several rewards, by TRL's formulas (`GRPOTrainer`, which `abstention: 'zero'` reproduces
 * exactly; `normalize-then-sum` is neutral to abstentions by itself):
 *
 *     sum-then-normalize:  r_i = Σ_k w_k R_ik;  A_i = (r_i − mean_group r) / (σ + ε)
 *     normalize-then-sum:  z_ik = (R_ik − mean_group R_k) / (σ_group,k + ε);  r_i = Σ_k w_k z_ik;
 *                          A_i = (r_i − mean_batch r) / (σ_batch + ε)
 *
 * @throws BicotError `shape` (table, weights or groups don't fit), `group-size`, `non-finite`, `reward` (no reward),
 * `value` (a scale, epsilon, baseline or clip that makes no sense; a scale other than `group` or a baseline other than
 * `mean` with `normalize-then-sum`)
 */
export function combineRewards(table: RewardTable, options: CombineOptions): CombinedRewards {
  const { groupSize, scale = 'group', abstention = 'neutral', epsilon = DEFAULT_EPSILON } = options;
  const { baseline = 'mean', clip = null } = options;
  checkScale('combineRewards', scale);
  checkEpsilon('combineRewards', epsilon);
  checkBaseline('combineRewards', baseline);
  checkAdvantageClip('combineRewards', clip);
  checkCombination(options);
  const checked = check('combineRewards', table, options);
  const total = totalOf(checked, groupSize, abstention);
  if ((options.aggregation ?? 'sum-then-normalize') === 'sum-then-normalize') {
    return { total, ...groupAdvantages(total, { groupSize, scale, epsilon, baseline, clip }) };
  }
  refuseOwn('scale', scale, 'group');
  refuseOwn('baseline', baseline, 'mean');
  const sums = sumOfScores(checked, groupSize, epsilon, abstention);
  const { advantages: _, ...spreads } = groupAdvantages(sums, { groupSize, epsilon });
  const batch = nanMoments(sums);
  const advantages = Float32Array.from(sums, (sum) =>
    Number.isNaN(sum) ? 0 : standardScore(sum - batch.mean, batch.std + epsilon),
  );
  return { total, advantages: clipAdvantages(advantages, clip), ...spreads };
}

function checkCombination({
  aggregation = 'sum-then-normalize',
  abstention = 'neutral',
}: CombineOptions): void {
  if (!['sum-then-normalize', 'normalize-then-sum'].includes(aggregation)) {
    throw new BicotError(
      'value',
      `combineRewards: aggregation is ${JSON.stringify(aggregation)}; use 'sum-then-normalize' or 'normalize-then-sum' (GDPO).`,
    );
  }
  if (!['neutral', 'zero'].includes(abstention)) {
    throw new BicotError(
      'value',
      `combineRewards: abstention is ${JSON.stringify(abstention)}; use 'neutral' or 'zero' (TRL).`,
    );
  }
}

/** GDPO has a scale and a baseline of its own; others would do nothing. */
function refuseOwn(name: string, value: string, only: string): void {
  if (value === only) return;
  throw new BicotError(
    'value',
    `combineRewards: 'normalize-then-sum' standardises within groups and then over the batch, so the ${name} '${value}' would do nothing. Leave ${name} at '${only}', or use 'sum-then-normalize'.`,
  );
}
