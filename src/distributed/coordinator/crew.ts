import type { Redis } from 'ioredis';
import type { Keys } from '../wire/keys.js';
import type { JobKind, RunInfo, WorkerInfo } from '../wire/protocol.js';
import { workersOf } from './fleet.js';

/** The workers of a run: who is there, and whose results are not taken any more. */
export interface Crew {
  /** Asks Redis who is there now. What the others answer is of the last time. */
  look(): Promise<void>;
  /** All that give signs of life, those of other configurations too. */
  all(): readonly WorkerInfo[];
  /** Those that take jobs of a kind for this run. */
  working(kind: JobKind): WorkerInfo[];
  /** Whether somebody else than a worker takes jobs of a kind. */
  hasOthers(kind: JobKind, than: string): boolean;
  /** Reasons, by worker. */
  readonly dropped: ReadonlyMap<string, string>;
  /**
   * Takes no results of a worker any more, and tells it so.
   * @returns false if it was out before
   */
  drop(worker: string, reason: string): Promise<boolean>;
}

/** Nobody is known before the first look. */
export function crewOf({
  redis,
  keys,
  run,
  say,
}: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly run: Pick<RunInfo, 'config' | 'ttl'>;
  readonly say: (line: string) => void;
}): Crew {
  const dropped = new Map<string, string>();
  let workers: readonly WorkerInfo[] = [];
  const working = (of: JobKind): WorkerInfo[] =>
    workers.filter(
      ({ id, config, kinds, draining }) =>
        config === run.config && kinds.includes(of) && !draining && !dropped.has(id),
    );
  return {
    dropped,
    async look() {
      workers = await workersOf(redis, keys);
    },
    all: () => workers,
    working,
    hasOthers: (kind, than) => working(kind).some(({ id }) => id !== than),
    async drop(worker, reason) {
      if (dropped.has(worker)) return false;
      dropped.set(worker, reason);
      say(`distributed: dropped the worker ${worker}: ${reason}. Its jobs are done elsewhere.`);
      await redis.hset(keys.dropped, worker, reason);
      await redis.expire(keys.dropped, run.ttl);
      return true;
    },
  };
}
