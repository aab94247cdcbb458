import type { Redis } from 'ioredis';
import type { Packages, RedisConnection } from '../connection.js';
import type { PublishedWeights } from '../weights/publish.js';
import type { Keys } from '../wire/keys.js';
import type { JobKind, RunInfo, RunStats } from '../wire/protocol.js';
import { crewOf } from './crew.js';
import { dispatch } from './dispatch.js';
import { patrol } from './patrol.js';
import { openQueues } from './queues.js';
import { tally } from './tally.js';
import { type Tasks, tasksOf } from './tasks.js';

/** Where tasks are given out, and given again, until each has its result. */
export interface Board extends Pick<Tasks, 'run' | 'stop'> {
  /** Workers that take jobs of a kind now. */
  slots(kind: JobKind): number;
  /** Looks after everything that is under way; called about once a second. */
  watch(): Promise<void>;
  stats(): RunStats;
  /** Closes its connections, and deletes its queues if asked to. */
  close(deleted: boolean): Promise<void>;
}

/** What a board works with. */
export interface BoardTools {
  readonly packages: Packages;
  readonly connection: RedisConnection;
  readonly redis: Redis;
  readonly keys: Keys;
  readonly run: RunInfo;
  readonly weights: PublishedWeights;
  /** Seconds after which tasks fail if no worker is there; default: they wait. */
  readonly waitForWorkers: number;
  readonly say: (line: string) => void;
}

/**
 * Puts together who works (`crew`), what is in the queue (`dispatch`), what becomes of each task (`tasks`), and what finds out
 * what no event tells (`patrol`).
 * @param tools stay the caller's
 */
export function board(tools: BoardTools): Board {
  const counted = tally();
  const crew = crewOf(tools);
  const slots = (kind: JobKind): number => crew.working(kind).length;
  /** Of an event, whose sender waits for no answer. What Redis refuses ends the run. */
  const handled = (done: Promise<void>): void => {
    done.catch((error) => tasks.stop(error));
  };
  const queues = openQueues(tools, {
    completed: (jobId, kind, returned) => handled(tasks.over(jobId, kind, returned)),
    failed: (jobId, reason) => handled(tasks.givenUp(jobId, reason)),
    stalled: () => counted.again('stalled'),
  });
  const jobs = dispatch({ ...tools, queues, slots });
  const tasks = tasksOf({ ...tools, crew, jobs, counted });
  const { run, stop } = tasks;
  return {
    ...{ run, stop, slots, close: queues.close },
    watch: patrol({ ...tools, crew, queues, jobs, tasks, counted }),
    stats: () => ({
      ...{ waiting: jobs.waiting(), queued: jobs.jobs().length, ...counted.totals() },
      dropped: Object.fromEntries(crew.dropped),
    }),
  };
}
