import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { sleep } from '../../backoff.js';
import { BicotError } from '../../errors.js';
import type { Keys } from '../wire/keys.js';

/** Seconds for which a coordinator is believed to live without a sign of life. */
const LEASE = 15;

/** One coordinator a queue: two would take each other's results. */
export interface Lease {
  /** @returns why it was lost, if it was */
  renew(): Promise<string | undefined>;
  release(): Promise<void>;
}

interface Holder {
  readonly life: string;
  readonly host: string;
  readonly pid: number;
}

/**
 * Waits until the coordinator before is surely dead; a process that is gone from this machine is at once.
 * @throws BicotError `worker` if it lives; `aborted`
 */
export async function takeLease(
  redis: Redis,
  keys: Keys,
  life: string,
  { say, signal }: { say: (line: string) => void; signal?: AbortSignal | undefined },
): Promise<Lease> {
  const own = JSON.stringify({ life, host: hostname(), pid: process.pid } satisfies Holder);
  const deadline = performance.now() + 1000 * (LEASE + 5);
  let told = false;
  while ((await redis.set(keys.lease, own, 'EX', LEASE, 'NX')) === null) {
    const text = await redis.get(keys.lease);
    const holder = holderOf(text);
    if (text !== null && holder && isGone(holder)) {
      await deleteIf(redis, keys.lease, text);
      continue;
    }
    if (performance.now() > deadline) {
      throw new BicotError(
        'worker',
        `distributed: the queue has a coordinator already (process ${holder?.pid ?? '?'} on ${holder?.host ?? '?'}). Stop it, or give this run another queue.`,
      );
    }
    if (!told)
      say(`the queue belongs to process ${holder?.pid} on ${holder?.host}: waiting whether it lives.`);
    told = true;
    await sleep(500, signal);
    if (signal?.aborted) {
      throw new BicotError('aborted', 'distributed: stopped by the abort signal.', { cause: signal.reason });
    }
  }
  return {
    async renew() {
      const text = await redis.get(keys.lease);
      // Redis may have lost it, or this process slept: nobody else took it.
      if (text === null) await redis.set(keys.lease, own, 'EX', LEASE, 'NX');
      else if (text === own) await redis.expire(keys.lease, LEASE);
      const now = text === null ? await redis.get(keys.lease) : text;
      if (now === own) return undefined;
      const { host, pid } = holderOf(now) ?? {};
      return `process ${pid ?? '?'} on ${host ?? '?'} took the queue over while this one was away`;
    },
    release: () => deleteIf(redis, keys.lease, own),
  };
}

function holderOf(text: string | null): Holder | undefined {
  try {
    return JSON.parse(text ?? '') as Holder;
  } catch {
    return undefined;
  }
}

/** Only what is sure: a process of this machine that does not exist. */
function isGone({ host, pid }: Holder): boolean {
  if (host !== hostname() || !Number.isInteger(pid)) return false;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function deleteIf(redis: Redis, key: string, value: string): Promise<void> {
  const script = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end";
  await redis.eval(script, 1, key, value);
}
