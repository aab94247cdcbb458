import type { Redis } from 'ioredis';
import * as v from 'valibot';
import type { Keys } from '../wire/keys.js';
import { JOB_KINDS, type WorkerInfo } from '../wire/protocol.js';

const kind = v.picklist(JOB_KINDS);
const amounts = v.record(v.string(), v.pipe(v.number(), v.finite()));
const workerInfo = v.looseObject({
  id: v.pipe(v.string(), v.maxLength(100)),
  host: v.string(),
  pid: v.number(),
  device: v.string(),
  backend: v.string(),
  kinds: v.array(kind),
  bicot: v.string(),
  config: v.optional(v.string()),
  refused: v.optional(v.string()),
  keeps: v.number(),
  draining: v.boolean(),
  done: amounts,
  speed: amounts,
});

/** The workers that give signs of life. */
export async function workersOf(redis: Redis, keys: Keys): Promise<WorkerInfo[]> {
  const ids = await redis.zrange(keys.workers, '0', '-1');
  if (ids.length === 0) return [];
  const texts = await redis.mget(ids.map(keys.worker));
  const silent = ids.filter((_, i) => texts[i] === null);
  if (silent.length > 0) await redis.zrem(keys.workers, ...silent);
  return texts.flatMap((text) => {
    try {
      const { success, output } = v.safeParse(workerInfo, JSON.parse(text ?? ''));
      return success ? [output as unknown as WorkerInfo] : [];
    } catch {
      return [];
    }
  });
}
