import type { RewardAggregation } from '../../objective/combine.js';
import type { RewardPreparation } from '../../objective/normalize-reward.js';
import type { RewardTable } from '../../objective/reward-table.js';
import type { Abstention, RewardCombination } from '../../objective/total.js';
import { abstain, failure, type RewardResult, score } from '../reward.js';
import type { RewardFailure } from './failures.js';
import type { Member } from './member.js';
import type { CallStatistics, MemberReport } from './report.js';

/** Everything an ensemble knows about a batch of N samples. */
export interface EnsembleResult {
  /**
   * `[N, K]`, the K trained members only, as they scored. NaN where a member abstained or an optional one failed; the whole
   * row is NaN where a sample is out, so that whatever is computed from the table leaves that sample out. Single scores are
   * in `results`.
   */
  readonly table: RewardTable;
  /** `[K]`, in the table's order. */
  readonly weights: readonly number[];
  /** `[K]`: what becomes of the scores before they are put together. */
  readonly preparations: readonly RewardPreparation[];
  /** How the scores of a sample become one number. */
  readonly combination: RewardCombination;
  /** How the table becomes advantages. */
  readonly aggregation: RewardAggregation;
  /** What an abstention counts as. */
  readonly abstention: Abstention;
  /** `[N]`: the totals; NaN where a sample is out or all trained members abstained. */
  readonly total: Float64Array;
  /** Samples that are out because of failures, ascending, each with the reason. */
  readonly dropped: readonly {
    /** Its row in `table`. */
    readonly sample: number;
    /** Which members failed on it and why, or whose failure took its group along. */
    readonly reason: string;
  }[];
  /** The monitors' scores; NaN where one abstained or failed. */
  readonly monitors: RewardTable;
  /** What every member, trained or monitor, said about every sample. */
  readonly results: Readonly<Record<string, readonly RewardResult[]>>;
  /** Of trained members and monitors; monitors' failures leave `total` alone. */
  readonly failures: readonly RewardFailure[];
  /** What it took to get them, by member. */
  readonly calls: Readonly<Record<string, CallStatistics>>;
}

/** The settings of an ensemble that training reads from its results. */
export type CombiningSettings = Pick<
  EnsembleResult,
  'weights' | 'preparations' | 'combination' | 'aggregation' | 'abstention'
>;

/**
 * `[N, K]`: the scores of some members; NaN where one gave none, and in the rows that are out.
 * @param out samples that are out
 */
export function tableOf<P>(
  members: readonly Member<P>[],
  reports: ReadonlyMap<string, MemberReport>,
  rows: number,
  out: readonly number[] = [],
): RewardTable {
  const names = members.map(({ name }) => name);
  const width = names.length;
  const values = new Float64Array(rows * width).fill(Number.NaN);
  members.forEach(({ name, gate }, k) => {
    const { results = [], below = [] } = reports.get(name) ?? {};
    results.forEach((result, i) => {
      if (result.kind === 'score') values[i * width + k] = result.value;
    });
    if (gate && gate.otherwise !== 'abstain') {
      for (const i of below) values[i * width + k] = gate.otherwise;
    }
  });
  for (const i of out) values.fill(Number.NaN, i * width, (i + 1) * width);
  return { names, values, rows };
}

/** One result per sample out of an ensemble's evaluation. */
export function asResults({ total, dropped }: EnsembleResult): RewardResult[] {
  const reasons = new Map(dropped.map(({ sample, reason }) => [sample, reason]));
  return Array.from(total, (value, sample) => {
    const reason = reasons.get(sample);
    if (reason !== undefined) return failure(reason);
    return Number.isNaN(value) ? abstain('every member abstained') : score(value);
  });
}
