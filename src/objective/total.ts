import { BicotError } from '../errors.js';
import { assertFinite, assertLength } from '../tensor/shape.js';
import { DEFAULT_EPSILON } from './advantages.js';
import { checkPreparation, prepareReward, type RewardPreparation } from './normalize-reward.js';
import { type RewardTable, rewardColumn } from './reward-table.js';
import { assertNoInfinity, countGroups, nanMoments } from './statistics.js';

/**
 * What a reward that gave no score contributes to a sample's total. `neutral`: the mean of what it gave the
 * other samples of the group, so that its silence neither helps nor hurts. `zero`: 0, as TRL does, which makes
 * samples look bad wherever a positive reward abstains.
 */
export type Abstention = 'neutral' | 'zero';

/**
 * How the rewards of a sample become one number. With r_k the prepared scores and w_k the weights:
 *
 *     sum      Σ_k w_k r_k       they add up: one can make up for another
 *     product  Π_k r_k^w_k       all must be good: a 0 is a 0; scores must not be negative
 *     min      min_k w_k r_k     the worst decides
 */
export type RewardCombination = 'sum' | 'product' | 'min';

/** Options of `rewardTotal`. */
export interface TotalOptions {
  /** `[K]`; default all 1. Above 0 for `product` and `min`. */
  readonly weights?: readonly number[];
  /** G: samples of one prompt, side by side. */
  readonly groupSize: number;
  /** Default `neutral`. */
  readonly abstention?: Abstention;
  /** Default `sum`. */
  readonly combination?: RewardCombination;
  /** `[K]`: how each reward's scores are prepared. Default: they are taken as they are. */
  readonly preparations?: readonly RewardPreparation[];
  /** Added to the spreads that a preparation divides by. Default 1e-4. */
  readonly epsilon?: number;
}

/** A table with prepared columns, and everything about it checked. */
export interface PreparedTable {
  readonly names: readonly string[];
  /** `[K]` of `[N]`, without scores filled in: NaN where a reward gave none. */
  readonly columns: readonly Float64Array[];
  readonly weights: readonly number[];
  readonly combination: RewardCombination;
  readonly abstention: Abstention;
  readonly rows: number;
  readonly groups: number;
  readonly groupSize: number;
}

/**
 * Checks a table and its options, and prepares the columns.
 * @param leastGroup the smallest group that makes sense
 * @throws BicotError as `rewardTotal`
 */
export function prepareTable(
  what: string,
  table: RewardTable,
  options: TotalOptions,
  leastGroup = 1,
): PreparedTable {
  const { names, values, rows } = table;
  const { combination = 'sum', abstention = 'neutral', groupSize, epsilon = DEFAULT_EPSILON } = options;
  const weights = options.weights ?? names.map(() => 1);
  const preparations: readonly RewardPreparation[] = options.preparations ?? names.map(() => ({}));
  assertLength(`${what}: weights`, weights, names.length, 'K, one weight per reward');
  assertFinite(`${what}: weights`, weights);
  assertLength(`${what}: preparations`, preparations, names.length, 'K, one per reward');
  assertLength(`${what}: table.values`, values, rows * names.length, 'N · K');
  if (names.length === 0) {
    throw new BicotError('reward', `${what}: the table has no reward. Pass at least one.`);
  }
  assertNoInfinity(`${what}: table.values (row-major, rewards ${names.join(', ')})`, values);
  checkCombination(what, { names, weights, combination, abstention, preparations });
  const groups = countGroups(what, rows, groupSize, leastGroup);
  const columns = preparations.map((one, k) => {
    // A lone sample has nobody to be compared with.
    const alone = groupSize === 1 && one.normalize === 'group';
    const scores = prepareReward(
      rewardColumn(table, k),
      groupSize,
      alone ? { clip: one.clip } : one,
      epsilon,
    );
    return alone ? scores.map((x) => (Number.isNaN(x) ? x : 0)) : scores;
  });
  const prepared = { names, columns, weights, combination, abstention, rows, groups, groupSize };
  if (combination === 'product') assertNotNegative(what, prepared);
  return prepared;
}

/** What a combination is checked by, before there are any scores. */
export interface CombinationSettings {
  readonly names: readonly string[];
  readonly weights: readonly number[];
  readonly combination: RewardCombination;
  readonly abstention: Abstention;
  readonly preparations: readonly RewardPreparation[];
}

/**
 * Throws unless rewards can be put together in this way.
 * @throws BicotError `value`
 */
export function checkCombination(what: string, settings: CombinationSettings): void {
  const { names, weights, combination, abstention, preparations } = settings;
  const refuse = (words: string): never => {
    throw new BicotError('value', `${what}: ${words}`);
  };
  if (!['sum', 'product', 'min'].includes(combination)) {
    refuse(`combination is ${JSON.stringify(combination)}; use 'sum', 'product' or 'min'.`);
  }
  if (!['neutral', 'zero'].includes(abstention)) {
    refuse(`abstention is ${JSON.stringify(abstention)}; use 'neutral' or 'zero' (TRL).`);
  }
  preparations.forEach((one, k) => {
    checkPreparation(`${what}: reward "${names[k]}"`, one);
  });
  if (combination === 'sum') return;
  const wrong = weights.findIndex((weight) => weight <= 0);
  if (wrong >= 0) {
    refuse(
      `the weight of "${names[wrong]}" is ${weights[wrong]}, but the combination '${combination}' needs weights above 0. Correct it, or use 'sum'.`,
    );
  }
  const scored = preparations.findIndex(({ normalize }) => normalize === 'group');
  if (combination === 'product' && scored >= 0) {
    refuse(
      `"${names[scored]}" is normalised to standard scores, which are negative for half of the samples; a product needs scores from 0 on. Use normalize: 'rank', or the combination 'sum'.`,
    );
  }
  if (abstention === 'zero') {
    refuse(
      `abstention 'zero' with the combination '${combination}' would make every sample 0 or worse that one reward has nothing to say about. Use 'neutral'.`,
    );
  }
}

function assertNotNegative(what: string, { names, columns }: PreparedTable): void {
  columns.forEach((column, k) => {
    const at = column.findIndex((value) => value < 0);
    if (at < 0) return;
    throw new BicotError(
      'reward',
      `${what}: "${names[k]}" gave sample ${at} the score ${column[at]}, but a product needs scores from 0 on. Clip it ([0, …]), use normalize: 'rank', or the combination 'sum'.`,
    );
  });
}

/** Per sample, whether any reward that counts scored it. Under `zero`, rewards of weight 0 count too (TRL). */
export function scorable({ columns, weights, abstention, rows }: PreparedTable): boolean[] {
  return Array.from({ length: rows }, (_, i) =>
    columns.some(
      (column, k) => (weights[k] !== 0 || abstention === 'zero') && !Number.isNaN(column[i] as number),
    ),
  );
}

/** `[K]` of `[N]`: the columns with what an abstention counts as; NaN where a whole group got no score. */
export function filledColumns({ columns, abstention, groups, groupSize }: PreparedTable): Float64Array[] {
  return columns.map((column) => {
    const values = column.slice();
    if (abstention === 'neutral') fillWithGroupMean(values, groups, groupSize);
    return values;
  });
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

/**
 * One sample's total out of its scores.
 * @param scores `[K]`; NaN has no part in it
 */
export function combineScores(
  scores: ArrayLike<number>,
  weights: readonly number[],
  combination: RewardCombination,
): number {
  let total = { sum: 0, product: 1, min: Number.POSITIVE_INFINITY }[combination];
  for (let k = 0; k < weights.length; k++) {
    const [value, weight] = [scores[k] as number, weights[k] as number];
    if (Number.isNaN(value)) continue;
    if (combination === 'sum') total += weight * value;
    else if (combination === 'product') total *= value ** weight;
    else total = Math.min(total, weight * value);
  }
  return total;
}

/** `[N]`: the totals of a prepared table; NaN where no reward gave a score. */
export function totalOf(prepared: PreparedTable): Float64Array {
  const filled = filledColumns(prepared);
  const scored = scorable(prepared);
  return Float64Array.from({ length: prepared.rows }, (_, i) => {
    if (!scored[i]) return Number.NaN;
    const scores = filled.map((column) => column[i] as number);
    return combineScores(scores, prepared.weights, prepared.combination);
  });
}

/**
 * The total of each sample's rewards, by default their weighted sum `r_i = Σ_k w_k R_ik`, with abstentions filled in as
 * asked.
 * @returns `[N]`; NaN where no reward gave a score
 * @throws BicotError `shape` (table, weights, preparations or groups don't fit), `group-size`, `non-finite`, `value`
 *   (options that make no sense together), `reward` (no reward, or a negative score in a product)
 */
export function rewardTotal(table: RewardTable, options: TotalOptions): Float64Array {
  return totalOf(prepareTable('rewardTotal', table, options));
}
