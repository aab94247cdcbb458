import { linkedAbort } from '../../abort.js';
import { pauseBefore, sleep } from '../../backoff.js';
import { BicotError } from '../../errors.js';
import type { RewardCall, RewardEvent, RewardFunction, RewardResult, Sample } from '../reward.js';
import { checkResults } from './check-results.js';
import type { Guard } from './guard.js';
import { type CallSettings, callSettings, type RewardCallOptions } from './options.js';

/**
 * The same reward, called with care: time limits, bounded retries with growing pauses, a circuit breaker, a limit of
 * calls at once, batches of bounded size.
 *
 * A failure stays a failure: what could not be scored in the end is `failure(reason)`, with the last reason. A call that
 * throws fails for its samples; a bug (TypeError, ReferenceError, RangeError but for fetch's own) and a BicotError end
 * everything at once.
 * @param reward what is called; may be asked about some samples of a batch only, if it failed on them or `batchSize` is set
 * @returns a reward with a state of its own (its circuit); use one object for a whole run
 * @throws BicotError `value` for options that make no sense. Calling it: `reward` for results that break the contract,
 *   `aborted`, and what `reward` throws as a bug
 */
export function resilientReward<P = unknown>(
  reward: RewardFunction<P>,
  options: RewardCallOptions = {},
): RewardFunction<P> {
  const settings = callSettings('resilientReward', options);
  // Only who wants care loads the library behind it.
  let made: Promise<Guard> | undefined;
  return async (samples, call = {}) => {
    made ??= import('./guard.js').then(({ callGuard }) => callGuard(settings));
    const guard = await made;
    // The first part that ends everything ends the others too.
    const stop = linkedAbort(call.signal);
    const context = { ...call, signal: stop.signal };
    try {
      const parts = chunks(samples, settings.batchSize).map((part) =>
        scorePart(reward, part, { settings, guard, call: context }),
      );
      return (await Promise.all(parts)).flat();
    } finally {
      stop.abort();
      stop.release();
    }
  };
}

function chunks<T>(all: readonly T[], size: number): (readonly T[])[] {
  if (all.length <= size) return [all];
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

interface PartContext {
  readonly settings: CallSettings;
  readonly guard: Guard;
  readonly call: RewardCall;
}

async function scorePart<P>(
  reward: RewardFunction<P>,
  samples: readonly Sample<P>[],
  { settings, guard, call }: PartContext,
): Promise<RewardResult[]> {
  const results: RewardResult[] = [];
  let pending = [...samples.keys()];
  for (let attempt = 1; ; attempt++) {
    const asked = pending.map((i) => samples[i] as Sample<P>);
    let start = performance.now();
    // Of a wrapped reward that is wrapped once more, the inner calls are the real ones.
    let told = false;
    const onEvent = (event: RewardEvent): void => {
      told ||= event.kind === 'call';
      call.onEvent?.(event);
    };
    const answer = await guard(
      async (signal) => {
        start = performance.now();
        const answers = await reward(asked, { signal, onEvent });
        checkResults(answers, asked.length);
        return answers;
      },
      asked.length,
      call.signal,
    );
    if (!answer.skipped && !told) {
      const seconds = (performance.now() - start) / 1000;
      const { error } = answer;
      call.onEvent?.({ kind: 'call', samples: asked.length, attempt, seconds, ...(error && { error }) });
    }
    pending.forEach((i, at) => {
      results[i] = answer.results[at] as RewardResult;
    });
    if (answer.final || attempt > settings.retries) return results;
    pending = pending.filter((i) => mayRetry(results[i] as RewardResult));
    if (pending.length === 0) return results;
    await sleep(pauseBefore(attempt, settings.backoff, answer.retryAfterMs), call.signal);
    if (call.signal?.aborted) throw new BicotError('aborted', 'a reward was stopped between two attempts.');
  }
}

const mayRetry = (result: RewardResult): boolean => result.kind === 'failure' && !result.permanent;
