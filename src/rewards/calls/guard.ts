import {
  bulkhead,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  isBrokenCircuitError,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
} from 'cockatiel';
import { BicotError, isBicotError, reasonOf } from '../../errors.js';
import { failure, type RewardResult } from '../reward.js';
import { isBug } from './bug.js';
import type { CallSettings } from './options.js';

/** One call's results, or what became of it. */
export interface GuardedCall {
  readonly results: readonly RewardResult[];
  /** The call as a whole failed, for this reason. */
  readonly error?: string;
  /** When the service wants to be asked again. */
  readonly retryAfterMs?: number;
  /** Asking again at once makes no sense. */
  readonly final?: boolean;
  /** The reward was not asked at all. */
  readonly skipped?: boolean;
}

/** Makes calls, at most so many at once, each for so long, and none while the circuit is open. */
export type Guard = (
  call: (signal: AbortSignal) => Promise<readonly RewardResult[]>,
  samples: number,
  signal?: AbortSignal,
) => Promise<GuardedCall>;

/** What an error may say about itself, as those of `httpReward` do. */
interface Spoken {
  readonly retryable?: unknown;
  readonly retryAfterMs?: unknown;
}

/** A call in which every sample failed, for the breaker a failed call. */
class AllFailed extends Error {
  constructor(readonly results: readonly RewardResult[]) {
    super('every sample failed');
  }
}

const allFailed = (results: readonly RewardResult[]): boolean =>
  results.length > 0 && results.every(({ kind }) => kind === 'failure');

/** @param settings how calls are made; the circuit's state lives as long as the guard */
export function callGuard(settings: CallSettings): Guard {
  const { breaker: fuse } = settings;
  const slots = bulkhead(settings.concurrency, Number.POSITIVE_INFINITY);
  const breaker = fuse && {
    policy: circuitBreaker(
      handleWhen((error) => !isBug(error) || isBicotError(error, 'aborted')),
      { halfOpenAfter: fuse.pause, breaker: new ConsecutiveBreaker(fuse.failures) },
    ),
    ...fuse,
  };
  let lastError = '';
  return async (call, samples, signal) => {
    const failed = (reason: string, more: Partial<GuardedCall> = {}): GuardedCall => ({
      results: Array.from({ length: samples }, () => failure(reason)),
      error: reason,
      ...more,
    });
    const run = async (): Promise<readonly RewardResult[]> => {
      const results = await timed(settings.timeout, call, signal);
      // Thrown, as the breaker counts errors.
      if (breaker && allFailed(results)) throw new AllFailed(results);
      return results;
    };
    try {
      const guarded = () => throughBreaker(breaker?.policy, run);
      return { results: await slots.execute(guarded, signal) };
    } catch (error) {
      if (signal?.aborted) throw new BicotError('aborted', 'a reward was stopped while it scored.');
      if (error instanceof AllFailed) {
        const [first] = error.results;
        lastError = first?.kind === 'failure' ? first.reason : '';
        return { results: error.results };
      }
      // A reward that heeds its signal may be quicker to say so than the time limit.
      const late =
        settings.timeout !== undefined &&
        (error instanceof TaskCancelledError || isBicotError(error, 'aborted'));
      if (!late && isBug(error)) throw error;
      if (breaker && isBrokenCircuitError(error)) {
        const reason = `not asked: it failed ${breaker.failures} times in a row (${lastError}) and is tried again ${breaker.pause} ms after that`;
        return failed(reason, { final: true, skipped: true });
      }
      lastError = late ? `no answer within ${settings.timeout} ms` : reasonOf(error);
      const { retryable, retryAfterMs } = error as Spoken;
      return failed(lastError, {
        ...(retryable === false ? { final: true } : {}),
        ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
      });
    }
  };
}

function throughBreaker<T>(policy: CircuitBreakerPolicy | undefined, run: () => Promise<T>): Promise<T> {
  return policy ? policy.execute(run) : run();
}

/** Ends when the call does, after the time, or when nobody waits any more, whatever the call does with its signal. */
async function timed<T>(
  milliseconds: number | undefined,
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  // setTimeout knows no longer time; 24 days are for ever.
  const limit = timeout(milliseconds ?? 2 ** 31 - 1, TimeoutStrategy.Aggressive);
  return limit.execute(({ signal: inner }) => call(inner), signal);
}
