import type { Redis } from 'ioredis';
import type { Keys } from '../wire/keys.js';
import type { WorkerInfo } from '../wire/protocol.js';

/** Seconds between two signs of life. */
export const BEAT = 2;
/** Seconds after which a worker that gave none counts as gone; computing may keep it from giving one. */
const MISSED = 30;

/** A worker's signs of life. */
export interface Presence {
  /** Gives one now. */
  tell(): Promise<void>;
  /** Takes all signs away. */
  leave(): Promise<void>;
}

/** @param info what the worker tells of itself, asked each time */
export function presence(redis: Redis, keys: Keys, id: string, info: () => WorkerInfo): Presence {
  let left = false;
  return {
    async tell() {
      if (left) return;
      await redis
        .multi()
        .set(keys.worker(id), JSON.stringify(info()), 'EX', MISSED)
        .zadd(keys.workers, Date.now(), id)
        .expire(keys.workers, 2 * MISSED)
        .exec();
    },
    async leave() {
      left = true;
      await redis.multi().del(keys.worker(id)).zrem(keys.workers, id).exec();
    },
  };
}
