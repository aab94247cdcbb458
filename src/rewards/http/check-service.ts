import * as v from 'valibot';
import type { RewardResult, Sample } from '../reward.js';
import { below, redactJson } from './address.js';
import { exchange } from './exchange.js';
import { ask, connected } from './http-reward.js';
import { type HttpRewardOptions, readOptions, type Settings } from './options.js';
import { healthSchema, type RewardServiceHealth } from './protocol.js';
import { isRewardServiceError, RewardServiceError } from './service-error.js';

/** What `checkRewardService` asks. */
export interface CheckRewardServiceOptions<P = unknown> extends HttpRewardOptions<P> {
  /** Sent in a round trip. Default: a grey square of 8 × 8, with the prompt "a grey square". */
  readonly sample?: Sample<P>;
  /** Ends the check. */
  readonly signal?: AbortSignal;
}

/** What a reward service was found to be. */
export interface RewardServiceReport {
  /** Whether it says that it is there, and scores a sample or abstains. */
  readonly healthy: boolean;
  /** What is wrong and what to do, a sentence each; empty if it is healthy. */
  readonly problems: readonly string[];
  /** What it says about itself, if it does. */
  readonly service?: RewardServiceHealth;
  /** What it said about the sample, if it answered. */
  readonly result?: RewardResult;
}

const GREY_SQUARE: Sample = {
  ...{ prompt: { prompt: 'a grey square' }, group: 0, index: 0, tokens: {} },
  image: { width: 8, height: 8, data: new Uint8Array(8 * 8 * 3).fill(128) },
};

/**
 * Asks a service for its health, at `/health` below its URL, and for the score of one sample. It takes the options of
 * `httpReward`: what is checked is then what will be used.
 * @returns a report, also when nobody answers
 * @throws BicotError `value` for options that cannot work; `aborted` when the signal ends it
 */
export async function checkRewardService<P = unknown>({
  sample,
  signal,
  ...options
}: CheckRewardServiceOptions<P>): Promise<RewardServiceReport> {
  const settings = readOptions('checkRewardService', options);
  const problems: string[] = [];
  const attempt = async <T>(task: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await task();
    } catch (error) {
      if (!isRewardServiceError(error)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const service = await attempt(() => readHealth(settings, signal));
  // The default sample has no row of the user's, which `fields` could read.
  const results = await attempt(() =>
    sample
      ? ask(settings, [sample], 'check-', signal)
      : ask({ ...settings, fields: (row) => row }, [GREY_SQUARE], 'check-', signal),
  );
  const result = results?.[0];
  if (result?.kind === 'failure') problems.push(result.reason);
  return {
    healthy: problems.length === 0,
    problems,
    ...(service ? { service } : {}),
    ...(result ? { result } : {}),
  };
}

async function readHealth<P>(
  settings: Settings<P>,
  signal: AbortSignal | undefined,
): Promise<RewardServiceHealth> {
  const place = below(settings.address, '/health');
  const answer = await connected(settings, signal, async (connection) =>
    redactJson(await exchange(connection, place), connection.redact),
  );
  const parsed = v.safeParse(healthSchema, answer);
  if (parsed.success) return parsed.output;
  throw new RewardServiceError(
    `checkRewardService: ${place.shown} answered with something else than { protocol: 1, name: "…" }. ` +
      'Is another program there, or one of another version of the protocol (docs/rewards/http.md)?',
    { retryable: false },
  );
}
