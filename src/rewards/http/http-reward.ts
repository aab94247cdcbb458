import { BicotError } from '../../errors.js';
import { failure, type RewardFunction, type RewardResult, type Sample } from '../reward.js';
import { readAnswers } from './answers.js';
import { type Batch, batches } from './batches.js';
import { type Connection, exchange } from './exchange.js';
import { type HttpRewardOptions, readOptions, type Settings } from './options.js';
import { isRewardServiceError, RewardServiceError } from './service-error.js';

/**
 * A reward that a service computes: samples go there as JSON with PNG files in it, scores come back
 * (docs/rewards/http.md has the protocol).
 *
 * A request that fails makes failures of its own samples, permanent ones if it would fail again. If all of them fail, the
 * call throws what the first one of them threw. Nothing is retried here: that is for `retries` of an ensemble's member, or
 * for `resilientReward`. No score is made up: each is the finite
 * number under the sample's own id.
 * @returns the reward. It throws `RewardServiceError` as said; BicotError `aborted` if the call's signal ends it, with the
 *   reason as cause; BicotError `reward` if a prompt cannot be written as JSON; BicotError `value` for headers that cannot
 *   be sent
 * @throws BicotError `value` for options that cannot work
 */
export function httpReward<P = unknown>(options: HttpRewardOptions<P>): RewardFunction<P> {
  const settings = readOptions('httpReward', options);
  let calls = 0;
  return async (samples, call) => {
    if (samples.length === 0) return [];
    const prefix = `${calls++}-`; // an answer to another call is not taken for one to this
    return ask(settings, samples, prefix, call?.signal);
  };
}

/** One call of the reward, whose ids begin with a prefix. */
export function ask<P>(
  settings: Settings<P>,
  samples: readonly Sample<P>[],
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<RewardResult[]> {
  return connected(settings, signal, (connection) => collect(settings, connection, samples, prefix));
}

/**
 * Runs a task with a connection, which ends with it.
 * @throws BicotError `aborted` if the signal ended it; what the task throws
 */
export async function connected<P, T>(
  settings: Settings<P>,
  signal: AbortSignal | undefined,
  task: (connection: Connection) => Promise<T>,
): Promise<T> {
  let connection: Connection | undefined;
  try {
    if (signal?.aborted) throw signal.reason;
    connection = await settings.connect(signal);
    const result = await task(connection);
    if (signal?.aborted) throw signal.reason;
    return result;
  } catch (error) {
    if (!signal?.aborted) throw error;
    const { what, address } = settings;
    throw new BicotError('aborted', `${what}: the call of ${address.shown} was aborted.`, {
      cause: signal.reason,
    });
  } finally {
    connection?.deadline.clear();
  }
}

async function collect<P>(
  settings: Settings<P>,
  connection: Connection,
  samples: readonly Sample<P>[],
  prefix: string,
): Promise<RewardResult[]> {
  const { address, concurrency, maxRequestBytes } = settings;
  const from = `${connection.what}: ${address.shown}`;
  const results = new Array<RewardResult>(samples.length);
  const errors: RewardServiceError[] = [];
  let answered = 0;
  const send = async ({ ids, places, body }: Batch): Promise<void> => {
    let said: RewardResult[];
    try {
      const answer = await exchange(connection, address, body);
      said = readAnswers(answer, ids, { from, redact: connection.redact });
      answered++;
    } catch (error) {
      if (!isRewardServiceError(error)) throw error;
      errors.push(error);
      said = ids.map(() => failure(error.message, { permanent: !error.retryable }));
    }
    said.forEach((result, i) => {
      results[places[i] as number] = result;
    });
  };
  // All workers take from one generator, so that a request is made when there is somebody to send it.
  const requests = batches(samples, { ...settings, prefix });
  const work = async (): Promise<void> => {
    for (const batch of requests) {
      if (connection.deadline.signal.aborted) return;
      if ('body' in batch) await send(batch);
      else {
        const reason = `${from}: the sample takes ${batch.bytes} bytes, and no request may have more than ${maxRequestBytes} (maxRequestBytes).`;
        results[batch.place] = failure(reason, { permanent: true });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, samples.length) }, work));
  const unsent = new RewardServiceError(
    `${from} did not get all samples in ${connection.timeout} ms (timeout, before the rest was sent).`,
    { retryable: true },
  );
  for (let place = 0; place < samples.length; place++) {
    if (results[place]) continue;
    results[place] = failure(unsent.message);
    errors.push(unsent);
  }
  const [first] = [...errors.filter(({ retryable }) => retryable), ...errors];
  if (answered === 0 && first) throw first;
  return results;
}
