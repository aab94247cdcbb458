import type { Redis } from 'ioredis';
import type { PublishedWeights } from '../weights/publish.js';
import type { Keys } from '../wire/keys.js';
import type { RunInfo } from '../wire/protocol.js';
import { aloneness } from './alone.js';
import type { Crew } from './crew.js';
import type { Dispatch } from './dispatch.js';
import { wantsSecond } from './late.js';
import type { Queues } from './queues.js';
import type { Tally } from './tally.js';
import type { Tasks } from './tasks.js';
import { whereaboutsOf } from './whereabouts.js';
import type { Work } from './work.js';

/** What is looked after. */
export interface PatrolTools {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly run: RunInfo;
  readonly queues: Queues;
  readonly weights: PublishedWeights;
  readonly crew: Crew;
  readonly jobs: Dispatch;
  readonly tasks: Tasks;
  readonly counted: Tally;
  /** Seconds after which tasks fail if no worker is there. */
  readonly waitForWorkers: number;
  readonly say: (line: string) => void;
}

/**
 * What no event tells: which workers are there, jobs that were lost or are late, that nobody works at all, keys that are about
 * to vanish.
 * @returns looks after everything once; it is called about once a second, and not again before it is done
 */
export function patrol(tools: PatrolTools): () => Promise<void> {
  const { redis, keys, run, queues, weights, crew, jobs, tasks, counted } = tools;
  const isAlone = aloneness(tools.say, tools.waitForWorkers);
  let lastTouch = performance.now();

  const lookAfter = async (jobId: string, work: Work): Promise<void> => {
    const own = work.jobs.get(jobId);
    if (work.settled || !own || tasks.isHeard(jobId)) return;
    const found = await whereaboutsOf(work, jobId, { redis, keys, queues });
    switch (found.kind) {
      case 'over':
        return tasks.over(jobId, work.kind, found.said);
      case 'given up':
        return tasks.givenUp(jobId, found.reason);
      case 'gone':
        // Not one that was taken away while this was asked.
        if (!jobs.taskOf(jobId) || tasks.isHeard(jobId)) return;
        return tasks.restore(work, jobId);
      case 'waits':
        delete own.taken;
        return;
      case 'held':
        if (own.taken?.by !== found.by) own.taken = { by: found.by, since: performance.now() };
        if (crew.dropped.has(found.by)) return tasks.redo(work, jobId, 'dropped worker');
        return hasten(work, jobId, (performance.now() - own.taken.since) / 1000);
    }
  };

  /** Gives a job to an idle worker too, if the one that has it takes far longer than it should. */
  const hasten = async (work: Work, jobId: string, elapsed: number): Promise<void> => {
    if (jobs.waiting(work.kind) > 0) return;
    const state = { elapsed, jobs: jobs.jobs(), working: crew.working(work.kind) };
    if (!wantsSecond(work, jobId, state)) return;
    counted.again('late');
    await jobs.giveOut(work);
  };

  const endIfAlone = (): void => {
    const lacking = tasks.kinds().filter((kind) => crew.working(kind).length === 0);
    const error = isAlone({ lacking, workers: crew.all(), dropped: crew.dropped });
    if (error) tasks.stop(error);
  };

  /** Nothing is there for ever, should this process vanish; nothing vanishes while it is needed. */
  const touch = async (): Promise<void> => {
    if (performance.now() - lastTouch <= Math.min(60_000, run.ttl * 250)) return;
    lastTouch = performance.now();
    await weights.touch();
    const all = [...queues.ownKeys(), ...jobs.keys()];
    await Promise.all(all.map((key) => redis.expire(key, run.ttl)));
  };

  return async () => {
    if (tasks.isStopped()) return;
    await crew.look();
    for (const [jobId, work] of jobs.jobs()) await lookAfter(jobId, work);
    await jobs.takeBackOrphans();
    endIfAlone();
    await touch();
    for (const kind of run.kinds) await jobs.fill(kind);
  };
}
