import { linkedAbort } from '../../abort.js';
import { BicotError } from '../../errors.js';
import { checkAggregation, type RewardAggregation } from '../../objective/combine.js';
import {
  type Abstention,
  checkCombination,
  type RewardCombination,
  rewardTotal,
} from '../../objective/total.js';
import { assertKnownOptions, assertNumber } from '../../options.js';
import { groupSizeOf } from '../groups.js';
import type { RewardCall, RewardFunction, RewardResult, Sample } from '../reward.js';
import { type FailurePolicy, leaveOut, listFailures } from './failures.js';
import { checkGates } from './gates.js';
import { isRewardEnsemble } from './is-ensemble.js';
import { type EnsembleMember, type Member, readMember } from './member.js';
import { askMember, type MemberReport } from './report.js';
import { asResults, type CombiningSettings, type EnsembleResult, tableOf } from './result.js';

/** How an ensemble's rewards become one number per sample. */
export interface EnsembleOptions {
  /** How the scores of a sample are put together. Default `sum`. */
  readonly combination?: RewardCombination;
  /** What training makes of the table: sum the rewards, or standardise each within its group first (GDPO). Default `sum-then-normalize`. */
  readonly aggregation?: RewardAggregation;
  /** What an abstention adds to the total: nothing that favours or punishes the sample, or 0 as in TRL. Default `neutral`. */
  readonly abstention?: Abstention;
  /** What becomes of samples that a required member failed on. Default `drop-sample`. */
  readonly onFailure?: FailurePolicy;
  /** A sample counts only if at least so many trained members did not fail on it. Matters beside optional ones. Default 1. */
  readonly quorum?: number;
}

/** Several rewards as one. Itself a reward function (scores are the totals), so ensembles nest. */
export interface RewardEnsemble<P = unknown> {
  /** `evaluate`, of which only the totals are given: a failure where a sample is out, an abstention where no member scored. */
  (samples: readonly Sample<P>[], call?: RewardCall): Promise<readonly RewardResult[]>;
  /** Names of the trained members, in the table's order. */
  readonly members: readonly string[];
  /** Names of the monitors. */
  readonly monitors: readonly string[];
  /** `[K]`, in the order of `members`. */
  readonly weights: readonly number[];
  /** How the scores of a sample become one number; `sum` unless asked for otherwise. */
  readonly combination: RewardCombination;
  /** How they become advantages; `sum-then-normalize` unless asked for otherwise. */
  readonly aggregation: RewardAggregation;
  /** What an abstention counts as; `neutral` unless asked for otherwise. */
  readonly abstention: Abstention;
  /**
   * Runs every member on the batch. Members run concurrently, those with a gate after the one that decides it.
   * @throws BicotError `group-size` for samples that do not form equal groups side by side; `reward` naming the
   *   member for a wrong number of results, a non-finite score, a negative one in a product, a bug in it (TypeError,
   *   ReferenceError, RangeError), or failures under `onFailure: 'stop'`; `aborted`; and any BicotError of a member, with
   *   its name
   */
  evaluate(samples: readonly Sample<P>[], call?: RewardCall): Promise<EnsembleResult>;
}

interface Settings<P> extends CombiningSettings {
  readonly members: readonly Member<P>[];
  readonly trained: readonly Member<P>[];
  readonly onFailure: FailurePolicy;
  readonly quorum: number;
}

async function evaluateMembers<P>(
  { members, trained, onFailure, quorum, ...combining }: Settings<P>,
  samples: readonly Sample<P>[],
  call: RewardCall,
): Promise<EnsembleResult> {
  const groupSize = groupSizeOf(samples);
  const reports = await askAll(members, samples, call);
  const results = Object.fromEntries(members.map(({ name }) => [name, reports.get(name)?.results ?? []]));
  const failures = listFailures(results);
  const out = leaveOut(trained, failures, { onFailure, quorum, groupSize });
  const table = tableOf(trained, reports, samples.length, out.samples);
  return {
    table,
    ...combining,
    total: rewardTotal(table, { ...combining, groupSize }),
    dropped: out.samples.map((sample) => ({ sample, reason: out.reasons.get(sample) ?? '' })),
    monitors: tableOf(
      members.filter(({ monitor }) => monitor),
      reports,
      samples.length,
    ),
    results,
    failures,
    calls: Object.fromEntries([...reports].map(([name, { calls }]) => [name, calls])),
  };
}

/** All members at once; the first that ends everything stops the others. */
async function askAll<P>(
  members: readonly Member<P>[],
  samples: readonly Sample<P>[],
  call: RewardCall,
): Promise<Map<string, MemberReport>> {
  const stop = linkedAbort(call.signal);
  const asked = new Map<string, Promise<MemberReport>>();
  const askOnce = (member: Member<P>): Promise<MemberReport> => {
    const before = asked.get(member.name);
    if (before) return before;
    const decides = members.find(({ name }) => name === member.gate?.by);
    const decided = decides && askOnce(decides).then(({ results }) => results);
    const report = askMember(member, samples, { ...call, signal: stop.signal }, decided);
    asked.set(member.name, report);
    return report;
  };
  try {
    const reports = await Promise.all(members.map(askOnce));
    return new Map(members.map(({ name }, i) => [name, reports[i] as MemberReport]));
  } finally {
    stop.abort();
    stop.release();
  }
}

const OPTIONS: readonly string[] = [
  ...(['combination', 'aggregation', 'abstention', 'onFailure', 'quorum'] as const),
] satisfies (keyof EnsembleOptions)[];

function readSettings<P>(members: readonly Member<P>[], options: EnsembleOptions): Settings<P> {
  assertKnownOptions('rewardEnsemble', options, OPTIONS);
  const trained = members.filter(({ monitor }) => !monitor);
  if (trained.length === 0) {
    throw new BicotError(
      'reward',
      `the ensemble has ${members.length} members and trains on none; expected at least one that is not a monitor. ` +
        'Add a reward, or drop `monitor: true` from one.',
    );
  }
  const { combination = 'sum', aggregation = 'sum-then-normalize', abstention = 'neutral' } = options;
  const { onFailure = 'drop-sample', quorum = 1 } = options;
  const names = trained.map(({ name }) => name);
  const weights = trained.map(({ weight }) => weight);
  const preparations = trained.map(({ preparation }) => preparation);
  checkCombination('rewardEnsemble', { names, weights, combination, abstention, preparations });
  checkAggregation('rewardEnsemble', { aggregation, combination, preparations });
  if (!['drop-sample', 'drop-group', 'stop'].includes(onFailure)) {
    throw new BicotError(
      'value',
      `rewardEnsemble: onFailure is ${JSON.stringify(onFailure)}; use 'drop-sample', 'drop-group' or 'stop'.`,
    );
  }
  assertNumber('rewardEnsemble', 'quorum', quorum, {
    words: `a whole number from 1 to ${trained.length}, the trained members`,
    test: (value) => Number.isInteger(value) && value >= 1 && value <= trained.length,
  });
  return { members, trained, weights, preparations, combination, aggregation, abstention, onFailure, quorum };
}

/**
 * Joins rewards into one. All members see every batch and run concurrently.
 *
 * A failure never becomes a score: a sample that a required member failed on has no total, or ends the run, as
 * `onFailure` says. A member that throws fails for all samples of its call, unless what it throws shows a bug (see
 * `evaluate`), which ends the run. A monitor's opinion never reaches the total.
 * @param members by name; a bare function has weight 1
 * @throws BicotError `reward` if no member is trained, a weight is not finite, a member has no function, a gate can't be
 *   decided, or a nested ensemble has monitors or an aggregation of its own; `value` for options that make no sense, alone
 *   or together
 */
export function rewardEnsemble<P = unknown>(
  members: Readonly<Record<string, EnsembleMember<P> | RewardFunction<P>>>,
  options: EnsembleOptions = {},
): RewardEnsemble<P> {
  const all = Object.entries(members).map(([name, member]) => readMember(name, member));
  const settings = readSettings(all, options);
  checkGates(all);
  const { trained, weights, combination, aggregation, abstention } = settings;
  const evaluate = (samples: readonly Sample<P>[], call: RewardCall = {}): Promise<EnsembleResult> =>
    evaluateMembers(settings, samples, call);
  const reward = async (samples: readonly Sample<P>[], call?: RewardCall): Promise<readonly RewardResult[]> =>
    asResults(await evaluate(samples, call));
  return Object.assign(reward, {
    members: trained.map(({ name }) => name),
    monitors: all.filter(({ monitor }) => monitor).map(({ name }) => name),
    ...{ weights, combination, aggregation, abstention, evaluate },
  });
}

/**
 * Evaluates any reward as an ensemble: a plain function counts as an ensemble of one member named `reward`.
 * @throws BicotError as `RewardEnsemble.evaluate` does
 */
export function evaluateReward<P = unknown>(
  reward: RewardFunction<P>,
  samples: readonly Sample<P>[],
  call?: RewardCall,
): Promise<EnsembleResult> {
  return (isRewardEnsemble(reward) ? reward : rewardEnsemble<P>({ reward })).evaluate(samples, call);
}
