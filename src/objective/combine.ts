import { BicotError } from '../errors.js';
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
import type { RewardPreparation } from './normalize-reward.js';
import type { RewardTable } from './reward-table.js';
import { nanMoments } from './statistics.js';
import {
  combineScores,
  type PreparedTable,
  prepareTable,
  type RewardCombination,
  scorable,
  type TotalOptions,
  totalOf,
} from './total.js';

/**
 * `sum-then-normalize`: advantages of the weighted sum (TRL's default, T2I-R1). `normalize-then-sum`: every
 * reward is standardised within its group first, so that none dominates by its scale (GDPO, arXiv 2601.05242).
 */
export type RewardAggregation = 'sum-then-normalize' | 'normalize-then-sum';

/** Options of `combineRewards`. */
export interface CombineOptions extends TotalOptions {
  /** Default `sum-then-normalize`. */
  readonly aggregation?: RewardAggregation;
  /** Default `group`, the only one for `normalize-then-sum`, which has its own: groups first, then the batch. */
  readonly scale?: AdvantageScale;
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
  /** `[N]`: what `rewardTotal` makes of the scores; NaN where a sample could not be scored. */
  readonly total: Float64Array;
}

/** GDPO's sum of the rewards' standard scores: `r_i = Σ_k w_k z_ik`, NaN where no reward gave a score. */
function sumOfScores(prepared: PreparedTable, epsilon: number): Float64Array {
  const { columns, weights, groupSize, rows } = prepared;
  const scores = columns.map((column) => normalizeWithinGroups(column, groupSize, epsilon));
  const scored = scorable(prepared);
  return Float64Array.from({ length: rows }, (_, i) => {
    if (!scored[i]) return Number.NaN;
    const ofSample = scores.map((column) => column[i] as number);
    return combineScores(ofSample, weights, 'sum');
  });
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
 * `value` (options that make no sense, alone or together: `normalize-then-sum` has a scale, a baseline, a combination and
 * a normalisation of its own)
 */
export function combineRewards(table: RewardTable, options: CombineOptions): CombinedRewards {
  const { groupSize, scale = 'group', epsilon = DEFAULT_EPSILON } = options;
  const { baseline = 'mean', clip = null } = options;
  checkScale('combineRewards', scale);
  checkEpsilon('combineRewards', epsilon);
  checkBaseline('combineRewards', baseline);
  checkAdvantageClip('combineRewards', clip);
  const { aggregation = 'sum-then-normalize', combination = 'sum', preparations = [] } = options;
  checkAggregation('combineRewards', { aggregation, combination, preparations });
  const prepared = prepareTable('combineRewards', table, options, 2);
  const total = totalOf(prepared);
  if (aggregation === 'sum-then-normalize') {
    return { total, ...groupAdvantages(total, { groupSize, scale, epsilon, baseline, clip }) };
  }
  refuseOwn('combineRewards', 'scale', scale, 'group');
  refuseOwn('combineRewards', 'baseline', baseline, 'mean');
  const sums = sumOfScores(prepared, epsilon);
  const { advantages: _, ...spreads } = groupAdvantages(sums, { groupSize, epsilon });
  const batch = nanMoments(sums);
  const advantages = Float32Array.from(sums, (sum) =>
    Number.isNaN(sum) ? 0 : standardScore(sum - batch.mean, batch.std + epsilon),
  );
  return { total, advantages: clipAdvantages(advantages, clip), ...spreads };
}

/**
 * Throws unless an aggregation goes with how the rewards are prepared and put together.
 * @throws BicotError `value`
 */
export function checkAggregation(
  what: string,
  settings: {
    readonly aggregation: RewardAggregation;
    readonly combination: RewardCombination;
    readonly preparations: readonly RewardPreparation[];
  },
): void {
  const { aggregation, combination, preparations } = settings;
  if (!['sum-then-normalize', 'normalize-then-sum'].includes(aggregation)) {
    throw new BicotError(
      'value',
      `${what}: aggregation is ${JSON.stringify(aggregation)}; use 'sum-then-normalize' or 'normalize-then-sum' (GDPO).`,
    );
  }
  if (aggregation === 'sum-then-normalize') return;
  refuseOwn(what, 'combination', combination, 'sum');
  for (const { normalize = 'none' } of preparations) {
    if (normalize === 'group') refuseOwn(what, 'normalization', normalize, 'none');
  }
}

/** GDPO standardises by itself and then adds up: another way would do nothing, or what GDPO is not. */
function refuseOwn(what: string, name: string, value: string, only: string): void {
  if (value === only) return;
  throw new BicotError(
    'value',
    `${what}: 'normalize-then-sum' standardises within groups and then over the batch, so the ${name} '${value}' would do nothing. Leave ${name} at '${only}', or use 'sum-then-normalize'.`,
  );
}
