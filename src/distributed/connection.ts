import type { ConnectionOptions } from 'bullmq';
import type { Redis, RedisOptions } from 'ioredis';
import { BicotError } from '../errors.js';

/** How Redis (or Valkey) is reached: a URL, `rediss://` for TLS, or the options of ioredis, such as `{ host, port, password, tls }`. */
export type RedisConnection = string | RedisOptions;

/** BullMQ and ioredis, which are optional. */
export interface Packages {
  readonly bullmq: typeof import('bullmq');
  readonly ioredis: typeof import('ioredis');
}

/**
 * Loads the packages.
 * @throws BicotError `unsupported` if they are not installed
 */
export async function loadPackages(): Promise<Packages> {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullmq, ioredis };
  } catch (cause) {
    throw new BicotError(
      'unsupported',
      `distributed: the packages bullmq and ioredis could not be loaded (${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}). Install them: npm i bullmq ioredis.`,
      { cause },
    );
  }
}

/**
 * Options of ioredis for a connection. Commands wait for a server that is away.
 * @throws BicotError `value` for something that is no address
 */
export function redisOptions(connection: RedisConnection): RedisOptions {
  const fixed: RedisOptions = {
    maxRetriesPerRequest: null,
    keepAlive: 10_000,
    connectTimeout: 10_000,
    retryStrategy: (times) => Math.min(100 * times, 2000),
  };
  if (typeof connection === 'object' && connection !== null) return { ...connection, ...fixed };
  let url: URL;
  try {
    url = new URL(connection);
  } catch {
    throw notAnAddress();
  }
  const { protocol, hostname, port, username, password, pathname, searchParams } = url;
  if (protocol === 'unix:' || protocol === 'redis+unix:') return { path: pathname, ...fixed };
  if (protocol !== 'redis:' && protocol !== 'rediss:') throw notAnAddress();
  const db = pathname.replace(/^\//, '');
  if (searchParams.size > 0 || !/^\d*$/.test(db)) throw notAnAddress();
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6379 : Number(port),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(db !== '' && { db: Number(db) }),
    ...(protocol === 'rediss:' && { tls: {} }),
    ...fixed,
  };
}

/** Without what was given: it may hold a password. */
function notAnAddress(): BicotError {
  return new BicotError(
    'value',
    "distributed: the address of Redis can't be read; expected redis://[user:password@]host[:port][/number], rediss:// for TLS, unix:///path, or options of ioredis.",
  );
}

/** Where Redis is, in words, without user and password. */
export function addressOf({ path, host = '127.0.0.1', port = 6379, tls }: RedisOptions): string {
  return path ? `unix://${path}` : `${tls ? 'rediss' : 'redis'}://${host}:${port}`;
}

/** A client, with what it needs to be left. */
export interface Client {
  readonly redis: Redis;
  readonly address: string;
  close(): void;
}

/** Seconds that the first connection may take. */
const FIRST_CONNECTION = 15;

/**
 * Connects. What happens to the connection later is told in words, and mended by ioredis.
 * @param say told when the server is away, and when it is back
 * @throws BicotError `worker` if it can't be reached or refuses; its message has no credentials
 */
export async function connect(
  { ioredis }: Packages,
  connection: RedisConnection,
  say: (line: string) => void,
  seconds: number = FIRST_CONNECTION,
): Promise<Client> {
  const options = redisOptions(connection);
  const address = addressOf(options);
  const redis = new ioredis.Redis(options);
  let last: Error | undefined;
  let away = false;
  let isOver = false;
  let begun = false;
  redis.on('error', (error) => {
    last = error;
  });
  redis.on('close', () => {
    if (isOver || away || !begun) return;
    away = true;
    say(`${address} is away${last ? ` (${plain(last)})` : ''}: waiting for it.`);
  });
  redis.on('ready', () => {
    if (away) say(`${address} is back.`);
    away = false;
  });
  const close = (): void => {
    isOver = true;
    redis.disconnect();
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(last ?? new Error('no answer')), seconds * 1000);
      redis.on('error', (error) => {
        if (
          /WRONGPASS|NOAUTH|NOPERM|certificate|SSL|ERR AUTH|invalid (username|password)/i.test(plain(error))
        )
          reject(error);
      });
      redis.once('ready', () => redis.ping().then(() => resolve(), reject));
    });
    begun = true;
    return { redis, address, close };
  } catch (cause) {
    close();
    throw new BicotError(
      'worker',
      `distributed: ${address} ${refusal(cause)}. Is the address right, does Redis run there, and is its port open?`,
    );
  } finally {
    clearTimeout(timer);
  }
}

const plain = (error: unknown): string => {
  const { message, code } = error as { message?: string; code?: string };
  return message || code || String(error);
};

function refusal(cause: unknown): string {
  const words = plain(cause);
  if (/WRONGPASS|NOAUTH|NOPERM|ERR AUTH|invalid (username|password)/i.test(words)) {
    return 'wants a user and a password, or others than these (redis://user:password@host:port)';
  }
  return `can't be reached (${words})`;
}

/** The same for BullMQ, which makes connections of its own and names their type differently. */
export const bullConnection = (connection: RedisConnection): ConnectionOptions =>
  redisOptions(connection) as ConnectionOptions;
