import { BicotError } from '../../errors.js';
import { assertFlag, assertKnownOptions, assertNumber, POSITIVE_INTEGER } from '../../options.js';
import { checkHeaders, type RewardHeaders, readAddress, redactor, type ServiceAddress } from './address.js';
import { deadline } from './deadline.js';
import type { Connection } from './exchange.js';
import { RewardServiceError } from './service-error.js';

/** Where a reward service is and how it is asked. */
export interface RewardServiceOptions {
  /** Samples are posted here. A query string is sent, and never shown. */
  readonly url: string | URL;
  /**
   * Sent with each request, e.g. `{ authorization: 'Bearer …' }`. A function is called once for every call of the reward, so
   * that a secret can be fetched late and renewed. Never shown. Default: none.
   */
  readonly headers?: RewardHeaders;
  /** Milliseconds for a whole call: all its requests, and reading their answers. Default 60,000. */
  readonly timeout?: number;
  /** An answer is not read beyond this. Default 1 MiB. */
  readonly maxResponseBytes?: number;
  /** Allows secret headers over http to other machines. Default false. */
  readonly insecure?: boolean;
  /** For proxies, certificates, tests. Default: the platform's own. */
  readonly fetch?: typeof globalThis.fetch;
}

/** How a remote reward is asked. */
export interface HttpRewardOptions<P = unknown> extends RewardServiceOptions {
  /** What of a prompt's row is sent, as JSON can hold it. Default: all of it. */
  readonly fields?: (row: P) => unknown;
  /** The most samples in a request. Default 32. */
  readonly batchSize?: number;
  /** The most requests at once. Default 4. */
  readonly concurrency?: number;
  /** The most bytes in a request; a batch beyond it is split, a sample beyond it is a failure. Default 16 MiB. */
  readonly maxRequestBytes?: number;
}

const SERVICE_OPTIONS = ['url', 'headers', 'timeout', 'maxResponseBytes', 'insecure', 'fetch'];
const REWARD_OPTIONS = [...SERVICE_OPTIONS, 'fields', 'batchSize', 'concurrency', 'maxRequestBytes'];

/** Options with their defaults, checked. */
export interface Settings<P> extends Required<Omit<HttpRewardOptions<P>, 'url' | 'fetch' | 'headers'>> {
  /** Who asks, for messages. */
  readonly what: string;
  readonly address: ServiceAddress;
  /** Opens what the exchanges of one call share. */
  readonly connect: (caller: AbortSignal | undefined) => Promise<Connection>;
}

/** @throws BicotError `value` for options that cannot work */
export function readOptions<P>(what: string, options: HttpRewardOptions<P>): Settings<P> {
  assertKnownOptions(what, options, REWARD_OPTIONS);
  const { url, headers = {}, fetch, insecure = false, fields = (row: P) => row } = options;
  const { timeout = 60_000, batchSize = 32, concurrency = 4 } = options;
  const { maxRequestBytes = 16 * 2 ** 20, maxResponseBytes = 2 ** 20 } = options;
  assertFlag(what, 'insecure', insecure);
  const numbers = { timeout, batchSize, concurrency, maxRequestBytes, maxResponseBytes };
  for (const [name, value] of Object.entries(numbers)) assertNumber(what, name, value, POSITIVE_INTEGER);
  for (const [name, value] of Object.entries({ fields, fetch })) {
    if (value === undefined || typeof value === 'function') continue;
    throw new BicotError('value', `${what}: ${name} is a ${typeof value}, but must be a function.`);
  }
  const address = readAddress(what, url);
  if (typeof headers !== 'function') checkHeaders(what, headers, address, insecure);

  const connect = async (caller: AbortSignal | undefined): Promise<Connection> => {
    const limit = deadline(timeout, caller);
    try {
      const given = typeof headers === 'function' ? await limit.race(called(headers)) : headers;
      const checked = checkHeaders(what, given, address, insecure);
      return {
        ...{ what, timeout, maxResponseBytes, deadline: limit, headers: checked },
        fetch: fetch ?? globalThis.fetch.bind(globalThis),
        redact: redactor(address, checked),
      };
    } catch (error) {
      limit.clear();
      if (error instanceof BicotError) throw error;
      // What was thrown may hold the secret, or the place that it is fetched from.
      const how = limit.timedOut() ? `took more than ${timeout} ms` : `threw (${nameOf(error)}, not shown)`;
      throw new RewardServiceError(`${what}: the function headers() for ${address.shown} ${how}.`, {
        retryable: true,
      });
    }
  };
  return { ...numbers, what, address, insecure, fields, connect };
}

/** As a promise, whatever it does. */
const called = async <T>(make: () => T | Promise<T>): Promise<T> => make();

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
