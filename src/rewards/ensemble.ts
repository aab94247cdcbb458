import { BicotError } from '../errors.js';
import {
  type Abstention,
  type RewardAggregation,
  type RewardTable,
  weightedTotal,
} from '../objective/combine.js';
import { groupSizeOf } from './groups.js';
import { listFailures, type RewardFailure, runMember, tableOf } from './members.js';
import { abstain, failure, type RewardFunction, type RewardResult, type Sample, score } from './reward.js';

/** One reward of an ensemble, with what to make of it. */
export interface EnsembleMember<P = unknown> {
  readonly reward: RewardFunction<P>;
  /** Its share in the total; any finite number, negative for a penalty. Default 1. */
  readonly weight?: number;
  /** Watched but never trained on: a held-out judge. Default false. */
  readonly monitor?: boolean;
}

/** How an ensemble's rewards become one number per sample. */
export interface EnsembleOptions {
  /** What training makes of the table: sum the rewards, or standardise each within its group first (GDPO). Default `sum-then-normalize`. */
  readonly aggregation?: RewardAggregation;
  /** What an abstention adds to the total: nothing that favours or punishes the sample, or 0 as in TRL. Default `neutral`. */
  readonly abstention?: Abstention;
}

/** Everything an ensemble knows about a batch of N samples. */
export interface EnsembleResult {
  /**
   * `[N, K]`, the K trained members only. NaN where a member abstained; the whole row is NaN where a trained
   * member failed, so that whatever is computed from the table leaves that sample out. Single scores are in `results`.
   */
  readonly table: RewardTable;
  /** `[K]`, in the table's order. */
  readonly weights: number[];
  /** How the table becomes advantages. */
  readonly aggregation: RewardAggregation;
  /** What an abstention counts as. */
  readonly abstention: Abstention;
  /** `[N]`: the weighted totals; NaN where a trained member failed or all abstained. */
  readonly total: Float64Array;
  /** The monitors' scores; NaN where one abstained or failed. */
  readonly monitors: RewardTable;
  /** What every member, trained or monitor, said about every sample. */
  readonly results: Record<string, readonly RewardResult[]>;
  /** Of trained members and monitors; monitors' failures leave `total` alone. */
  readonly failures: readonly RewardFailure[];
  /** Wall time per member. Members run concurrently. */
  readonly seconds: Record<string, number>;
}

/** Several rewards as one. Itself a reward function (scores are the weighted totals), so ensembles nest. */
export interface RewardEnsemble<P = unknown> {
  (samples: readonly Sample<P>[]): Promise<readonly RewardResult[]>;
  /** Names of the trained members, in the table's order. */
  readonly members: readonly string[];
  /** Names of the monitors. */
  readonly monitors: readonly string[];
  /** `[K]`, in the order of `members`. */
  readonly weights: readonly number[];
  readonly aggregation: RewardAggregation;
  readonly abstention: Abstention;
  /**
   * Runs every member on the batch.
   * @throws BicotError `group-size` for samples that do not form equal groups side by side; `reward` naming the
   *   member for a wrong number of results, a non-finite score or a bug in it (TypeError, ReferenceError,
   *   RangeError); and any BicotError of a member, with its name
   */
  evaluate(samples: readonly Sample<P>[]): Promise<EnsembleResult>;
}

type Settings = Required<EnsembleOptions>;
type NamedMember<P> = readonly [name: string, member: Required<EnsembleMember<P>>];

function readMember<P>(name: string, member: EnsembleMember<P> | RewardFunction<P>): NamedMember<P> {
  const { reward, weight = 1, monitor = false } = typeof member === 'function' ? { reward: member } : member;
  if (typeof reward !== 'function') {
    throw new BicotError(
      'reward',
      `member "${name}" has no reward function; expected { reward } or a function.`,
    );
  }
  if (!monitor && isRewardEnsemble(reward) && reward.aggregation !== 'sum-then-normalize') {
    throw new BicotError(
      'reward',
      `member "${name}" is an ensemble with aggregation "${reward.aggregation}", but a nested ensemble hands on ` +
        'its weighted sum; expected "sum-then-normalize". Set the aggregation of the outermost ensemble.',
    );
  }
  if (isRewardEnsemble(reward) && reward.monitors.length > 0) {
    throw new BicotError(
      'reward',
      `member "${name}" is an ensemble with the monitors ${reward.monitors.join(', ')}, but a nested ensemble hands ` +
        'on its weighted sum only, so nobody would see them. Make them monitors of the outermost ensemble.',
    );
  }
  if (!Number.isFinite(weight)) {
    throw new BicotError(
      'reward',
      `weight of "${name}" is ${weight}; expected a finite number. Default is 1.`,
    );
  }
  return [name, { reward, weight, monitor }];
}

/** The table for training: rows that a trained member failed on are blanked as a whole. */
function withoutFailedRows(table: RewardTable, failures: readonly RewardFailure[]): RewardTable {
  const values = table.values.slice();
  const width = table.names.length;
  for (const { member, sample } of failures) {
    if (table.names.includes(member)) values.fill(Number.NaN, sample * width, (sample + 1) * width);
  }
  return { ...table, values };
}

async function evaluateMembers<P>(
  members: readonly NamedMember<P>[],
  samples: readonly Sample<P>[],
  { aggregation, abstention }: Settings,
): Promise<EnsembleResult> {
  const groupSize = groupSizeOf(samples);
  const reports = await Promise.all(members.map(([name, { reward }]) => runMember(name, reward, samples)));
  const results: Record<string, readonly RewardResult[]> = {};
  const seconds: Record<string, number> = {};
  members.forEach(([name], index) => {
    const report = reports[index];
    if (report) [results[name], seconds[name]] = [report.results, report.seconds];
  });
  const namesWhere = (monitor: boolean): string[] =>
    members.filter(([, member]) => member.monitor === monitor).map(([name]) => name);
  const failures = listFailures(results);
  const table = withoutFailedRows(tableOf(namesWhere(false), results, samples.length), failures);
  const weights = members.filter(([, { monitor }]) => !monitor).map(([, { weight }]) => weight);
  return {
    table,
    weights,
    aggregation,
    abstention,
    total: weightedTotal(table, { weights, groupSize, abstention }),
    monitors: tableOf(namesWhere(true), results, samples.length),
    results,
    failures,
    seconds,
  };
}

/** One result per sample out of an ensemble's evaluation. */
function asResults({ total, table, failures }: EnsembleResult): RewardResult[] {
  return Array.from(total, (value, sample) => {
    const reasons = failures
      .filter((failed) => failed.sample === sample && table.names.includes(failed.member))
      .map(({ member, reason }) => `${member}: ${reason}`);
    if (reasons.length > 0) return failure(reasons.join('; '));
    return Number.isNaN(value) ? abstain('every member abstained') : score(value);
  });
}

/**
 * Joins rewards into one. All members see every batch and run concurrently.
 *
 * A failure never becomes a score: a sample that a trained member failed on has no total. A member that throws
 * fails for all samples of the batch, unless what it throws shows a bug (see `evaluate`), which ends the run. A
 * monitor's opinion never reaches the total.
 * @param members by name; a bare function has weight 1
 * @throws BicotError `reward` if no member is trained, a weight is not finite, a member has no function, or a nested
 *   ensemble has monitors or an aggregation of its own
 */
export function rewardEnsemble<P = unknown>(
  members: Readonly<Record<string, EnsembleMember<P> | RewardFunction<P>>>,
  options: EnsembleOptions = {},
): RewardEnsemble<P> {
  const { aggregation = 'sum-then-normalize', abstention = 'neutral' } = options;
  const named = Object.entries(members).map(([name, member]) => readMember(name, member));
  const trained = named.filter(([, { monitor }]) => !monitor);
  if (trained.length === 0) {
    throw new BicotError(
      'reward',
      `the ensemble has ${named.length} members and trains on none; expected at least one that is not a monitor. ` +
        'Add a reward, or drop `monitor: true` from one.',
    );
  }
  const evaluate = (samples: readonly Sample<P>[]): Promise<EnsembleResult> =>
    evaluateMembers(named, samples, { aggregation, abstention });
  const reward = async (samples: readonly Sample<P>[]): Promise<readonly RewardResult[]> =>
    asResults(await evaluate(samples));
  return Object.assign(reward, {
    members: trained.map(([name]) => name),
    monitors: named.filter(([, { monitor }]) => monitor).map(([name]) => name),
    weights: trained.map(([, { weight }]) => weight),
    aggregation,
    abstention,
    evaluate,
  });
}

/** True for what `rewardEnsemble` made. */
export function isRewardEnsemble<P>(reward: RewardFunction<P>): reward is RewardEnsemble<P> {
  return typeof (reward as Partial<RewardEnsemble<P>>).evaluate === 'function';
}

/**
 * Evaluates any reward as an ensemble: a plain function counts as an ensemble of one member named `reward`.
 * @throws BicotError as `RewardEnsemble.evaluate` does
 */
export function evaluateReward<P = unknown>(
  reward: RewardFunction<P>,
  samples: readonly Sample<P>[],
): Promise<EnsembleResult> {
  return (isRewardEnsemble(reward) ? reward : rewardEnsemble<P>({ reward })).evaluate(samples);
}
