import type { Redis } from 'ioredis';
import { sleep } from '../../backoff.js';
import type { Keys } from '../wire/keys.js';
import { workersOf } from './fleet.js';

/** Waits until the workers have left a run that is over, but not for ever. */
export async function workersLeft(redis: Redis, keys: Keys, config: string, seconds: number): Promise<void> {
  const deadline = performance.now() + 1000 * seconds;
  while (performance.now() < deadline) {
    const workers = await workersOf(redis, keys);
    if (!workers.some((one) => one.config === config)) return;
    await sleep(200);
  }
}

/** Deletes every key of a queue but the signs of life of its workers, which take them away themselves, and the lease. */
export async function sweep(redis: Redis, keys: Keys): Promise<void> {
  const kept = new Set([keys.workers, keys.lease]);
  let cursor = '0';
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', `${keys.prefix}:*`, 'COUNT', 1000);
    cursor = next;
    const old = found.filter((key) => !kept.has(key) && !key.startsWith(keys.worker('')));
    for (const key of old) await redis.unlink(key);
  } while (cursor !== '0');
}
