import type { Backoff } from '../../backoff.js';
import {
  assertKnownOptions,
  assertNumber,
  NOT_NEGATIVE,
  POSITIVE,
  POSITIVE_INTEGER,
  WHOLE_NUMBER,
} from '../../options.js';

/** How a reward is called. Times are in milliseconds. */
export interface RewardCallOptions {
  /** A call that takes longer has failed; the reward's `signal` is aborted. Default: none, it may take forever. */
  readonly timeout?: number;
  /** How often samples that failed are asked about again. Default 0. */
  readonly retries?: number;
  /**
   * The pause before the n-th repetition: `first · 2^(n−1)`, at most `most`, of which a random half is left out so that
   * calls that failed together do not come back together. A service that says when to come back (`retryAfterMs` of what
   * was thrown) is believed, up to `most`. Default `{ first: 250, most: 30000 }`.
   */
  readonly backoff?: {
    /** The first pause, in milliseconds, at least 0. Default 250. */
    readonly first?: number;
    /** The longest pause, in milliseconds, at least `first`. Default 30 000, or `first` if that is more. */
    readonly most?: number;
  };
  /**
   * After so many failed calls in a row the reward is not asked for a while: its samples fail at once. Then one call is
   * tried. Default: it is always asked.
   */
  readonly breaker?: {
    /** Failed calls in a row, at least 1. */
    readonly failures: number;
    /** Milliseconds until one call is tried. */
    readonly pause: number;
  };
  /** Calls at once; others wait. Default 1 without `batchSize`, 4 with it. */
  readonly concurrency?: number;
  /** Samples per call. A batch with more is split, and fails in parts. Default: the whole batch. */
  readonly batchSize?: number;
}

/** With every default filled in. */
export interface CallSettings {
  readonly timeout?: number;
  readonly retries: number;
  readonly backoff: Backoff;
  readonly breaker?: { readonly failures: number; readonly pause: number };
  readonly concurrency: number;
  readonly batchSize: number;
}

/**
 * Fills in defaults and refuses what makes no sense.
 * @throws BicotError `value`
 */
export function callSettings(what: string, options: RewardCallOptions): CallSettings {
  const known = ['timeout', 'retries', 'backoff', 'breaker', 'concurrency', 'batchSize'] as const;
  assertKnownOptions(what, options, known satisfies readonly (keyof RewardCallOptions)[]);
  const { timeout, retries = 0, breaker, batchSize = Number.POSITIVE_INFINITY } = options;
  const { concurrency = options.batchSize === undefined ? 1 : 4 } = options;
  const { first = 250, most = Math.max(30_000, first) } = options.backoff ?? {};
  if (timeout !== undefined) assertNumber(what, 'timeout', timeout, POSITIVE);
  assertNumber(what, 'retries', retries, WHOLE_NUMBER);
  assertNumber(what, 'concurrency', concurrency, POSITIVE_INTEGER);
  if (options.batchSize !== undefined) assertNumber(what, 'batchSize', batchSize, POSITIVE_INTEGER);
  if (options.backoff) assertKnownOptions(`${what}: backoff`, options.backoff, ['first', 'most']);
  assertNumber(what, 'backoff.first', first, NOT_NEGATIVE);
  assertNumber(what, 'backoff.most', most, {
    words: `finite, and not below backoff.first (${first})`,
    test: (value) => value >= first && Number.isFinite(value),
  });
  if (breaker) {
    assertKnownOptions(`${what}: breaker`, breaker, ['failures', 'pause']);
    assertNumber(what, 'breaker.failures', breaker.failures, POSITIVE_INTEGER);
    assertNumber(what, 'breaker.pause', breaker.pause, NOT_NEGATIVE);
  }
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(breaker ? { breaker } : {}),
    ...{ retries, backoff: { first, most }, concurrency, batchSize },
  };
}
