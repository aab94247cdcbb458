import { BicotError } from '../../errors.js';
import { checkPreparation, type RewardPreparation } from '../../objective/normalize-reward.js';
import { assertFlag, assertKnownOptions } from '../../options.js';
import { cachedReward, type RewardCacheOptions } from '../cache/cached.js';
import type { RewardCallOptions } from '../calls/options.js';
import { resilientReward } from '../calls/resilient.js';
import type { RewardFunction } from '../reward.js';
import { isRewardEnsemble } from './is-ensemble.js';

/** Scores a sample only if another member is content with it: a costly judge only sees what a cheap one lets pass. */
export interface RewardGate {
  /** The other member, by name; not a monitor. */
  readonly by: string;
  /** The least score of `by` at which this member is asked. */
  readonly atLeast: number;
  /**
   * What it counts as below: a number (0 makes "no bonus before that"), or `abstain`, which neither helps nor hurts. Where
   * `by` itself gave no score, the member abstains.
   */
  readonly otherwise: number | 'abstain';
}

/** One reward of an ensemble, with what to make of it. */
export interface EnsembleMember<P = unknown> extends RewardPreparation {
  /** Asked about a whole batch, or about what its gate lets through. */
  readonly reward: RewardFunction<P>;
  /** Its share in the total; any finite number, negative for a penalty. Default 1. */
  readonly weight?: number;
  /** Watched but never trained on: a held-out judge. Default false. */
  readonly monitor?: boolean;
  /**
   * Whether a sample that it fails on is out. Default true; else its failure counts as an abstention, but for the quorum.
   */
  readonly required?: boolean;
  /** Asked only where another member's score is high enough. Default: always. */
  readonly gate?: RewardGate;
  /** Time limit, retries, circuit breaker, calls at once (`resilientReward`). Default: one call without limit. */
  readonly call?: RewardCallOptions;
  /** Results are kept by content (`cachedReward`). Default: not. */
  readonly cache?: RewardCacheOptions;
}

/** A member that was checked, its reward wrapped as asked. */
export interface Member<P> {
  readonly name: string;
  readonly reward: RewardFunction<P>;
  /** Whether `reward` needs whole groups. */
  readonly wholeGroups: boolean;
  readonly weight: number;
  readonly monitor: boolean;
  readonly required: boolean;
  readonly preparation: RewardPreparation;
  readonly gate?: RewardGate;
}

const OPTIONS: readonly string[] = [
  ...(['reward', 'weight', 'monitor', 'required', 'gate', 'call', 'cache', 'clip', 'normalize'] as const),
] satisfies (keyof EnsembleMember)[];

function refuse(words: string): never {
  throw new BicotError('reward', words);
}

/**
 * Checks one member and wraps its reward.
 * @throws BicotError `reward` or `value`
 */
export function readMember<P>(name: string, given: EnsembleMember<P> | RewardFunction<P>): Member<P> {
  const member = typeof given === 'function' ? { reward: given } : given;
  const { reward, weight = 1, monitor = false, required = true, gate, call, cache, ...preparation } = member;
  if (typeof reward !== 'function') {
    refuse(`member "${name}" has no reward function; expected { reward } or a function.`);
  }
  const what = `rewardEnsemble: member "${name}"`;
  assertKnownOptions(what, member, OPTIONS);
  assertFlag(what, 'monitor', monitor);
  assertFlag(what, 'required', required);
  checkPreparation(what, preparation);
  if (!Number.isFinite(weight)) {
    refuse(`weight of "${name}" is ${weight}; expected a finite number. Default is 1.`);
  }
  const nested = isRewardEnsemble(reward);
  if (nested) checkNested(name, reward, member);
  if (monitor) checkMonitor(name, member);
  const careful = nested ? reward : resilientReward(reward, call ?? {});
  return {
    name,
    reward: cache ? cachedReward(careful, cache) : careful,
    wholeGroups: nested,
    ...{ weight, monitor, required, preparation },
    ...(gate ? { gate } : {}),
  };
}

function checkNested<P>(
  name: string,
  inner: { readonly aggregation: string; readonly monitors: readonly string[] },
  { monitor = false, call, cache }: EnsembleMember<P>,
): void {
  if (!monitor && inner.aggregation !== 'sum-then-normalize') {
    refuse(
      `member "${name}" is an ensemble with aggregation "${inner.aggregation}", but a nested ensemble hands on ` +
        'its total; expected "sum-then-normalize". Set the aggregation of the outermost ensemble.',
    );
  }
  if (inner.monitors.length > 0) {
    refuse(
      `member "${name}" is an ensemble with the monitors ${inner.monitors.join(', ')}, but a nested ensemble hands ` +
        'on its total only, so nobody would see them. Make them monitors of the outermost ensemble.',
    );
  }
  if (call || cache) {
    refuse(
      `member "${name}" is an ensemble and has '${call ? 'call' : 'cache'}', which concerns single rewards: an ensemble needs its groups whole. Set it on the members of "${name}".`,
    );
  }
}

/** What decides a total does nothing for a member that is not in it. */
function checkMonitor<P>(name: string, member: EnsembleMember<P>): void {
  const idle = (['weight', 'clip', 'normalize', 'required'] as const).find(
    (option) => member[option] !== undefined,
  );
  if (!idle) return;
  refuse(
    `member "${name}" is a monitor and has '${idle}', which would do nothing: it has no part in the total. Drop one of the two.`,
  );
}
