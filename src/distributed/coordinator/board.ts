import { setMaxListeners } from 'node:events';
import type { Redis } from 'ioredis';
import { BicotError, isBicotError } from '../../errors.js';
import { receivedError } from '../../parallel/errors.js';
import type { ExecutorTask } from '../../parallel/executor.js';
import type { Packages, RedisConnection } from '../connection.js';
import type { PublishedWeights } from '../weights/publish.js';
import { answerOf } from '../wire/check.js';
import type { Keys } from '../wire/keys.js';
import {
  type JobAnswer,
  type JobData,
  type JobKind,
  jobIdOf,
  MOST_STALLS,
  type RunInfo,
  type RunStats,
  type WorkerInfo,
} from '../wire/protocol.js';
import { aloneness } from './alone.js';
import { suspectAfter } from './finite.js';
import { workersOf, workingOn } from './fleet.js';
import { inspect, type Results } from './inspect.js';
import { isLate } from './late.js';
import { openQueues } from './queues.js';
import { throughput } from './throughput.js';
import { type Caller, type TaskSpec, type Work, workOf } from './work.js';

/** Where tasks are given out, and given again, until each has its result. */
export interface Board {
  /**
   * @throws BicotError `aborted`; `worker` if no worker manages; what the task throws wherever it is done
   */
  run<K extends ExecutorTask>(spec: TaskSpec<K>, signal?: AbortSignal): Promise<Results[K]>;
  /** Workers that take jobs of a kind now. */
  slots(kind: JobKind): number;
  /** Looks after everything that is under way; called about once a second. */
  watch(): Promise<void>;
  stats(): RunStats;
  /** Ends all tasks with an error. Safe to call twice. */
  stop(error: Error): void;
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

/** Jobs in the queue for each worker: one that is done and one that waits. */
const QUEUED_PER_WORKER = 2;
/** Attempts after which a task is given up, whatever the reasons were. */
const MOST_ATTEMPTS = 30;

/** @param tools stay the caller's */
export function board(tools: BoardTools): Board {
  const { redis, keys, run, weights, say } = tools;
  const works = new Map<string, Work>();
  const byJob = new Map<string, Work>();
  /** Jobs that nobody waits for any more and that could not be taken back. */
  const orphans = new Map<string, JobKind>();
  const waiting: Record<JobKind, Work[]> = { rollout: [], reward: [], gradient: [] };
  const dropped = new Map<string, string>();
  const redone: Record<string, number> = {};
  const speed = throughput();
  const isAlone = aloneness(say, tools.waitForWorkers);
  const handling = new Set<string>();
  let workers: readonly WorkerInfo[] = [];
  let done = 0;
  let stopped: Error | undefined;
  let lastTouch = performance.now();

  const queues = openQueues(tools, {
    completed: (jobId, kind, returned) => void handle(jobId, kind, returned).catch(fail),
    failed: (jobId, reason) => void givenUp(jobId, reason).catch(fail),
    stalled: () => count('stalled'),
  });
  const count = (why: string): void => {
    redone[why] = (redone[why] ?? 0) + 1;
  };
  const slots = (kind: JobKind): number => workingOn(workers, run.config, kind, dropped).length;
  const inQueue = (kind: JobKind): number => [...byJob.values()].filter((work) => work.kind === kind).length;

  /** Something that Redis refused. */
  const fail = (error: unknown): void => {
    if (!stopped) stop(error instanceof Error ? error : new Error(String(error)));
  };

  const stop = (error: Error): void => {
    stopped ??= error;
    for (const work of works.values()) settle(work, ({ reject }) => reject(error));
    for (const list of Object.values(waiting)) list.splice(0);
  };

  const settle = (work: Work, outcome: (caller: Caller) => void): void => {
    if (work.settled) return;
    work.settled = true;
    works.delete(work.id);
    for (const caller of work.callers) outcome(caller);
    for (const jobId of work.jobs.keys()) {
      byJob.delete(jobId);
      void takeBack(jobId, work.kind).catch(() => {});
    }
    void redis.unlink(keys.payload(work.id), keys.answer(work.id)).catch(() => {});
    if (!stopped) void pump(work.kind).catch(fail);
  };

  /** Removes a job; one that a worker has stays an orphan until that is done with it. */
  const takeBack = async (jobId: string, kind: JobKind, worker?: string): Promise<void> => {
    if (worker) await redis.unlink(keys.result(jobId, worker));
    const removed = await queues.of(kind).remove(jobId);
    if (removed === 1) orphans.delete(jobId);
    else orphans.set(jobId, kind);
  };

  const pump = async (kind: JobKind): Promise<void> => {
    const most = QUEUED_PER_WORKER * Math.max(1, slots(kind));
    while (waiting[kind].length > 0 && inQueue(kind) < most) {
      const work = waiting[kind].shift() as Work;
      if (work.settled) continue;
      const jobId = jobIdOf(work.id, work.attempt++);
      work.jobs.set(jobId, {});
      byJob.set(jobId, work);
      await queue(work, jobId);
    }
  };

  /** Puts a job into the queue, where it may be already: of a former life, or of before Redis lost it. */
  const queue = async (work: Work, jobId: string): Promise<void> => {
    const backlog = (waiting[work.kind].length + inQueue(work.kind)) / Math.max(1, slots(work.kind));
    await redis.set(keys.payload(work.id), work.payload.stored, 'EX', run.ttl);
    const data: JobData = { ...work.data, backlog };
    await queues.of(work.kind).add(work.task, data, { jobId, attempts: 1 });
    await redis.expire(queues.jobKey(work.kind, jobId), run.ttl);
  };

  const redo = async (work: Work, jobId: string, why: string, worker?: string): Promise<void> => {
    if (work.settled || stopped) return;
    count(why);
    byJob.delete(jobId);
    work.jobs.delete(jobId);
    // What was wrong with it must not be found again.
    await redis.unlink(keys.answer(work.id));
    await takeBack(jobId, work.kind, worker);
    if (work.attempt > MOST_ATTEMPTS) {
      const error = new BicotError(
        'worker',
        `distributed: a ${work.kind} job was given out ${work.attempt} times without a result (at last: ${why}). Look at what the workers print.`,
      );
      settle(work, ({ reject }) => reject(error));
      return;
    }
    if (work.jobs.size === 0) waiting[work.kind].unshift(work);
    await pump(work.kind);
  };

  const drop = async (worker: string, reason: string): Promise<void> => {
    if (dropped.has(worker)) return;
    dropped.set(worker, reason);
    say(`distributed: dropped the worker ${worker}: ${reason}. Its jobs are done elsewhere.`);
    await redis.hset(keys.dropped, worker, reason);
    await redis.expire(keys.dropped, run.ttl);
    for (const [jobId, work] of [...byJob]) {
      if (work.jobs.get(jobId)?.taken?.by === worker) await redo(work, jobId, 'dropped worker');
    }
  };

  /** A job is over, as BullMQ tells or as was found when it was looked for. */
  const handle = async (jobId: string, kind: JobKind, said: unknown): Promise<void> => {
    if (handling.has(jobId) || stopped) return;
    handling.add(jobId);
    try {
      const value = typeof said === 'string' ? parsed(said) : said;
      const work = byJob.get(jobId);
      if (!work) {
        // Done late, or twice: it counts once.
        if (orphans.has(jobId)) await takeBack(jobId, kind, workerIn(value));
        return;
      }
      let answer: JobAnswer;
      try {
        answer = answerOf(value);
      } catch (error) {
        await redo(work, jobId, 'unreadable answer');
        say((error as Error).message);
        return;
      }
      await take(work, jobId, answer);
    } finally {
      handling.delete(jobId);
    }
  };

  const take = async (work: Work, jobId: string, answer: JobAnswer): Promise<void> => {
    const { worker } = answer;
    if (dropped.has(worker)) return redo(work, jobId, 'dropped worker', worker);
    switch (answer.kind) {
      case 'lost':
        if (work.data.weights) await weights.restore(work.data.weights.version);
        return redo(work, jobId, 'payload or weights lost', worker);
      case 'refused':
        await drop(worker, `it refused a job: ${answer.reason}`);
        return redo(work, jobId, 'refused', worker);
      case 'failed': {
        const error = receivedError(answer.error as Parameters<typeof receivedError>[0]);
        work.failures.push({ worker, error });
        const tried = new Set(work.failures.map((one) => one.worker)).size;
        const others = workingOn(workers, run.config, work.kind, dropped).some(({ id }) => id !== worker);
        const enough = tried > 1 || work.failures.length > (others ? 4 : 1);
        if (enough) return settle(work, ({ reject }) => reject(error));
        return redo(work, jobId, 'failed', worker);
      }
      case 'done':
        return accept(work, jobId, answer);
    }
  };

  const accept = async (work: Work, jobId: string, answer: JobAnswer & { kind: 'done' }): Promise<void> => {
    const { worker, result, key } = answer;
    // Of this task, whichever of its jobs it was.
    const isOwn = [...Array(work.attempt).keys()].some(
      (attempt) => key === keys.result(jobIdOf(work.id, attempt), worker),
    );
    const stored = isOwn ? await redis.getBuffer(key) : null;
    if (!stored) return redo(work, jobId, 'result lost', worker);
    let inspected: Awaited<ReturnType<typeof inspect>>;
    try {
      inspected = await inspect(work.task, stored, result, run.maxBytes);
    } catch (error) {
      if (!isBicotError(error)) throw error;
      await drop(worker, error.message.replace(/^distributed: /, ''));
      return redo(work, jobId, 'damaged result', worker);
    }
    const { value, nonFinite } = inspected;
    if (nonFinite) {
      const others = workingOn(workers, run.config, work.kind, dropped).some(({ id }) => id !== worker);
      const suspect = suspectAfter(work.suspect, { worker, sha256: result.sha256 }, others);
      if (suspect) {
        work.suspect = suspect;
        return redo(work, jobId, `not finite: ${nonFinite}`, worker);
      }
    } else if (work.suspect && work.suspect.worker !== worker) {
      await drop(
        work.suspect.worker,
        'it gave numbers that are not finite where another worker gave finite ones',
      );
    }
    if (work.settled) return takeBack(jobId, work.kind, worker);
    done++;
    speed.add(work.data.units);
    byJob.delete(jobId);
    work.jobs.delete(jobId);
    settle(work, ({ resolve }) => resolve(value as never));
    await redis.unlink(key);
    await takeBack(jobId, work.kind, worker);
  };

  /** BullMQ gave a job up: it lost its worker again and again. */
  const givenUp = async (jobId: string, reason: string): Promise<void> => {
    const work = byJob.get(jobId);
    if (!work) return;
    const error = new BicotError(
      'worker',
      `distributed: a ${work.kind} job lost its worker ${MOST_STALLS} times (${reason}). Workers may run out of memory with it, or be busy for longer than stalledAfter (${run.stalledAfter} s) without a pause: look at what they print, make tasks smaller (rowsPerTask, microBatch), or raise stalledAfter.`,
    );
    settle(work, ({ reject }) => reject(error));
  };

  const watch = async (): Promise<void> => {
    if (stopped) return;
    workers = await workersOf(redis, keys);
    for (const [jobId, work] of [...byJob]) await lookAfter(jobId, work);
    for (const [jobId, kind] of [...orphans]) {
      const state = await queues.of(kind).getJobState(jobId);
      if (state !== 'active') await takeBack(jobId, kind);
    }
    const kinds = new Set([...works.values()].map(({ kind }) => kind));
    const lacking = [...kinds].filter((kind) => slots(kind) === 0);
    const error = isAlone({ lacking, workers, dropped });
    if (error) stop(error);
    if (performance.now() - lastTouch > Math.min(60_000, run.ttl * 250)) {
      lastTouch = performance.now();
      await touch();
    }
    for (const kind of run.kinds) await pump(kind);
  };

  const lookAfter = async (jobId: string, work: Work): Promise<void> => {
    const own = work.jobs.get(jobId);
    if (work.settled || !own || handling.has(jobId)) return;
    const answer = await redis.get(keys.answer(work.id));
    if (answer !== null) return handle(jobId, work.kind, answer);
    const found = await queues.of(work.kind).getJobState(jobId);
    if (found === 'unknown') {
      // Not one that was taken away while this was asked.
      if (!byJob.has(jobId) || handling.has(jobId)) return;
      count('lost by Redis');
      if (work.data.weights) await weights.restore(work.data.weights.version);
      await queue(work, jobId);
      return;
    }
    if (found === 'waiting') {
      delete own.taken;
      return;
    }
    const job = await queues.of(work.kind).getJob(jobId);
    if (found === 'completed') return handle(jobId, work.kind, job?.returnvalue);
    if (found === 'failed') return givenUp(jobId, job?.failedReason ?? 'no reason given');
    if (found !== 'active' || !job?.processedBy) return;
    const now = performance.now();
    if (own.taken?.by !== job.processedBy) own.taken = { by: job.processedBy, since: now };
    if (dropped.has(job.processedBy)) return redo(work, jobId, 'dropped worker');
    await doLate(work, jobId, (now - own.taken.since) / 1000);
  };

  /** Gives a job to an idle worker too, if the one that has it takes far longer than it should. */
  const doLate = async (work: Work, jobId: string, elapsed: number): Promise<void> => {
    if (work.jobs.size > 1 || waiting[work.kind].length > 0) return;
    const busy = new Set([...byJob].map(([id, { jobs }]) => jobs.get(id)?.taken?.by));
    if ([...byJob].some(([id, { jobs, kind }]) => kind === work.kind && !jobs.get(id)?.taken)) return;
    const working = workingOn(workers, run.config, work.kind, dropped);
    const speedOf = (id: string | undefined) => working.find((one) => one.id === id)?.speed[work.kind];
    const idle = working.filter(({ id }) => !busy.has(id)).map(({ speed }) => speed[work.kind]);
    const by = work.jobs.get(jobId)?.taken?.by;
    if (!isLate({ elapsed, units: work.data.units, speed: speedOf(by), idle })) return;
    count('late');
    const second = jobIdOf(work.id, work.attempt++);
    work.jobs.set(second, {});
    byJob.set(second, work);
    await queue(work, second);
  };

  /** Nothing is there for ever, should this process vanish; nothing vanishes while it is needed. */
  const touch = async (): Promise<void> => {
    await weights.touch();
    const all = queues.ownKeys();
    for (const [jobId, work] of byJob) all.push(keys.payload(work.id), queues.jobKey(work.kind, jobId));
    await Promise.all(all.map((key) => redis.expire(key, run.ttl)));
  };

  return {
    async run(spec, signal) {
      const made = await workOf(spec, run);
      if (stopped) throw stopped;
      if (signal?.aborted) throw aborted(signal);
      return new Promise((resolve, reject) => {
        const known = works.get(made.id);
        const work = known ?? made;
        const caller = {
          resolve: (value: never): void => {
            signal?.removeEventListener('abort', onAbort);
            resolve(value);
          },
          reject: (error: unknown): void => {
            signal?.removeEventListener('abort', onAbort);
            reject(error);
          },
        };
        const onAbort = (): void => {
          reject(aborted(signal));
          work.callers.splice(work.callers.indexOf(caller), 1);
          if (work.callers.length === 0) settle(work, () => {});
        };
        // As many as tasks wait, which is no leak.
        if (signal) setMaxListeners(0, signal);
        signal?.addEventListener('abort', onAbort, { once: true });
        work.callers.push(caller);
        if (known) return;
        works.set(work.id, work);
        waiting[work.kind].push(work);
        void pump(work.kind).catch(fail);
      });
    },
    slots,
    watch,
    stats() {
      return {
        waiting: Object.values(waiting).reduce((sum, list) => sum + list.length, 0),
        ...{ queued: byJob.size, done, redone: { ...redone }, dropped: Object.fromEntries(dropped) },
        unitsPerSecond: speed.unitsPerSecond(),
      };
    },
    stop,
    close: queues.close,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const workerIn = (value: unknown): string | undefined => {
  const worker = (value as { worker?: unknown } | undefined)?.worker;
  return typeof worker === 'string' ? worker : undefined;
};

function aborted(signal: AbortSignal | undefined): BicotError {
  return new BicotError('aborted', 'distributed: stopped by the abort signal.', { cause: signal?.reason });
}
