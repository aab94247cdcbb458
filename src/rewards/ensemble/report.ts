import { reasonOf } from '../../errors.js';
import { bugOf, isBug } from '../calls/bug.js';
import { checkResults } from '../calls/check-results.js';
import { failure, type RewardCall, type RewardEvent, type RewardResult, type Sample } from '../reward.js';
import { type Gated, passGate } from './gates.js';
import type { Member } from './member.js';

/** What was done to get one member's results. */
export interface CallStatistics {
  /** Calls that were made, repetitions included. */
  readonly calls: number;
  /** Of them, those that asked about failed samples again. */
  readonly retries: number;
  /** Of them, those that failed as a whole. */
  readonly failedCalls: number;
  /** Results that a cache knew. */
  readonly cached: number;
  /** Wall time until all results were there; members run concurrently, so these do not add up. */
  readonly seconds: number;
  /** Of the slowest call. */
  readonly slowest: number;
}

/** What one member said about every sample, and what it took. */
export interface MemberReport {
  /** `[N]`. */
  readonly results: readonly RewardResult[];
  /** Samples below its gate. */
  readonly below: readonly number[];
  readonly calls: CallStatistics;
}

/**
 * Asks one member, if it has a gate when the other member has spoken.
 * @param decided the results of the member that decides its gate; absent without a gate
 * @throws BicotError naming the member, with the cause: whatever `BicotError` it throws, with the same code (so
 *   nested ensembles pass theirs on); `reward` for a TypeError, ReferenceError or RangeError, except those by which
 *   fetch reports a network that is down; `reward` for a wrong number of results, a non-finite score or something
 *   that is no result
 */
export async function askMember<P>(
  member: Member<P>,
  samples: readonly Sample<P>[],
  call: RewardCall,
  decided?: Promise<readonly RewardResult[]>,
): Promise<MemberReport> {
  const gated = member.gate && decided ? passGate(member.gate, await decided) : everything(samples.length);
  const start = performance.now();
  const log = callLog(call);
  const results = await ask(member, samples, gated, log.call);
  return { results, below: gated.below, calls: log.statistics((performance.now() - start) / 1000) };
}

const everything = (count: number): Gated => ({
  open: Array.from({ length: count }, (_, i) => i),
  closed: Array.from({ length: count }, () => undefined),
  below: [],
});

async function ask<P>(
  { name, reward, wholeGroups }: Member<P>,
  samples: readonly Sample<P>[],
  { open, closed }: Gated,
  call: RewardCall,
): Promise<RewardResult[]> {
  // An ensemble compares the samples of a group: it gets them all, and is not heard on the closed ones.
  const asked = wholeGroups && open.length > 0 ? [...samples.keys()] : open;
  const answers = new Map<number, RewardResult>();
  try {
    const results =
      asked.length === 0
        ? []
        : await reward(
            asked.map((i) => samples[i] as Sample<P>),
            call,
          );
    checkResults(results, asked.length);
    asked.forEach((i, at) => {
      answers.set(i, results[at] as RewardResult);
    });
  } catch (error) {
    if (isBug(error)) throw bugOf(name, error);
    for (const i of asked) answers.set(i, failure(reasonOf(error)));
  }
  return closed.map((said, i) => said ?? (answers.get(i) as RewardResult));
}

/** Counts a member's calls and passes them on. */
function callLog(call: RewardCall): {
  call: RewardCall;
  statistics: (seconds: number) => CallStatistics;
} {
  const counts = { calls: 0, retries: 0, failedCalls: 0, cached: 0, slowest: 0 };
  const onEvent = (event: RewardEvent): void => {
    if (event.kind === 'cached') counts.cached += event.samples;
    else {
      counts.calls++;
      if (event.attempt > 1) counts.retries++;
      if (event.error !== undefined) counts.failedCalls++;
      counts.slowest = Math.max(counts.slowest, event.seconds);
    }
    call.onEvent?.(event);
  };
  return { call: { ...call, onEvent }, statistics: (seconds) => ({ ...counts, seconds }) };
}
