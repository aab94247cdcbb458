import type { Redis } from 'ioredis';
import type { Keys } from '../wire/keys.js';
import { type JobData, type JobKind, jobIdOf, type RunInfo } from '../wire/protocol.js';
import type { Queues } from './queues.js';
import type { Work } from './work.js';

/** Jobs in the queue for each worker: one that is done and one that waits. */
const QUEUED_PER_WORKER = 2;

/**
 * Where tasks become jobs. A task waits here until the queue has room; then it has a job there, or two if one is late. A job
 * that does not count any more is taken back; one that a worker has by then is an orphan until that is done with it.
 */
export interface Dispatch {
  /** A task waits behind the others, or before them: one that had its turn. It waits once. */
  wait(work: Work, where: 'last' | 'first'): void;
  /** Makes jobs of what waits, as far as the queue has room. */
  fill(kind: JobKind): Promise<void>;
  /** Makes one more job of a task, whatever waits. */
  giveOut(work: Work): Promise<void>;
  /** Puts a job into the queue, where it may be already: of a former life, or of before Redis lost it. */
  put(work: Work, jobId: string): Promise<void>;
  /** The task of a job that counts. */
  taskOf(jobId: string): Work | undefined;
  /** Jobs that count, as of now, with their tasks. */
  jobs(): [jobId: string, work: Work][];
  /** How many tasks of a kind wait for their turn; of all kinds by default. */
  waiting(kind?: JobKind): number;
  /** A job does not count any more; it is in the queue still. */
  forget(work: Work, jobId: string): void;
  /**
   * Removes a job that was forgotten from the queue.
   * @param worker whose result of it goes too
   */
  takeBack(jobId: string, kind: JobKind, worker?: string): Promise<void>;
  /** Whether a job was forgotten, and could not be taken back yet. */
  isOrphan(jobId: string): boolean;
  /** Takes back the orphans that no worker has any more. */
  takeBackOrphans(): Promise<void>;
  /** Names in Redis of what counts. */
  keys(): string[];
  /** Nothing waits any more. */
  clear(): void;
}

/** What jobs are given out with. */
export interface DispatchTools {
  readonly redis: Pick<Redis, 'set' | 'expire' | 'unlink'>;
  readonly keys: Keys;
  readonly run: Pick<RunInfo, 'ttl'>;
  readonly queues: Pick<Queues, 'of' | 'jobKey'>;
  /** Workers that take jobs of a kind now. */
  readonly slots: (kind: JobKind) => number;
}

/** Nothing waits, and nothing is in the queue. */
export function dispatch({ redis, keys, run, queues, slots }: DispatchTools): Dispatch {
  const waiting: Record<JobKind, Work[]> = { rollout: [], reward: [], gradient: [] };
  const byJob = new Map<string, Work>();
  const orphans = new Map<string, JobKind>();

  const inQueue = (kind: JobKind): number => [...byJob.values()].filter((work) => work.kind === kind).length;
  const shares = (kind: JobKind): number => Math.max(1, slots(kind));

  const put = async (work: Work, jobId: string): Promise<void> => {
    const { id, kind, task, payload } = work;
    const backlog = (waiting[kind].length + inQueue(kind)) / shares(kind);
    await redis.set(keys.payload(id), payload.stored, 'EX', run.ttl);
    const data: JobData = { ...work.data, backlog };
    await queues.of(kind).add(task, data, { jobId, attempts: 1 });
    await redis.expire(queues.jobKey(kind, jobId), run.ttl);
  };

  const giveOut = async (work: Work): Promise<void> => {
    const jobId = jobIdOf(work.id, work.attempt++);
    work.jobs.set(jobId, {});
    byJob.set(jobId, work);
    await put(work, jobId);
  };

  const takeBack = async (jobId: string, kind: JobKind, worker?: string): Promise<void> => {
    if (worker) await redis.unlink(keys.result(jobId, worker));
    const removed = await queues.of(kind).remove(jobId);
    if (removed === 1) orphans.delete(jobId);
    else orphans.set(jobId, kind);
  };

  return {
    wait(work, where) {
      const list = waiting[work.kind];
      if (list.includes(work)) return;
      if (where === 'last') list.push(work);
      else list.unshift(work);
    },
    async fill(kind) {
      const most = QUEUED_PER_WORKER * shares(kind);
      while (waiting[kind].length > 0 && inQueue(kind) < most) {
        const work = waiting[kind].shift() as Work;
        if (!work.settled) await giveOut(work);
      }
    },
    giveOut,
    put,
    taskOf: (jobId) => byJob.get(jobId),
    jobs: () => [...byJob],
    waiting: (kind) => (kind ? [waiting[kind]] : Object.values(waiting)).flat().length,
    forget(work, jobId) {
      byJob.delete(jobId);
      work.jobs.delete(jobId);
    },
    takeBack,
    isOrphan: (jobId) => orphans.has(jobId),
    async takeBackOrphans() {
      for (const [jobId, kind] of [...orphans]) {
        const state = await queues.of(kind).getJobState(jobId);
        if (state !== 'active') await takeBack(jobId, kind);
      }
    },
    keys: () => [...byJob].flatMap(([jobId, { id, kind }]) => [keys.payload(id), queues.jobKey(kind, jobId)]),
    clear() {
      for (const list of Object.values(waiting)) list.splice(0);
    },
  };
}
