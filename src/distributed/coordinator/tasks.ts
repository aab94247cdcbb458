import type { Redis } from 'ioredis';
import { BicotError } from '../../errors.js';
import type { ExecutorTask } from '../../parallel/executor.js';
import type { PublishedWeights } from '../weights/publish.js';
import type { Keys } from '../wire/keys.js';
import { type JobAnswer, type JobKind, MOST_STALLS, type RunInfo } from '../wire/protocol.js';
import { aborted, waitFor } from './callers.js';
import type { Crew } from './crew.js';
import type { Dispatch } from './dispatch.js';
import type { Results } from './inspect.js';
import { readSaid } from './said.js';
import type { Tally } from './tally.js';
import { judge, type Verdict } from './verdict.js';
import { type Caller, type TaskSpec, type Work, workOf } from './work.js';

/** The life of tasks: each is given out, and given out again, until it is settled with a result or an error. */
export interface Tasks {
  /**
   * Does a task. One that is under way is not done twice: both wait for it.
   * @throws BicotError `aborted`; `worker` if no worker manages; what the task throws wherever it is done
   */
  run<K extends ExecutorTask>(spec: TaskSpec<K>, signal?: AbortSignal): Promise<Results[K]>;
  /** A job is over. It may be told any number of times: in an event, and when it was looked for. */
  over(jobId: string, kind: JobKind, said: unknown): Promise<void>;
  /** BullMQ gave a job up: it lost its worker again and again. */
  givenUp(jobId: string, reason: string): Promise<void>;
  /** A job does not count any more, and its task is done again. */
  redo(work: Work, jobId: string, why: string): Promise<void>;
  /** Redis knows nothing of a job: it is put there again, with what it needs. */
  restore(work: Work, jobId: string): Promise<void>;
  /** Whether the answer of a job is being looked at. */
  isHeard(jobId: string): boolean;
  /** Kinds of tasks that are not settled. */
  kinds(): JobKind[];
  /** Ends all tasks with an error: the first counts. Safe to call twice. */
  stop(error: unknown): void;
  isStopped(): boolean;
}

/** What tasks live on. */
export interface TasksTools {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly run: RunInfo;
  readonly weights: PublishedWeights;
  readonly crew: Crew;
  readonly jobs: Dispatch;
  readonly counted: Tally;
  readonly say: (line: string) => void;
}

/** Attempts after which a task is given up, whatever the reasons were. */
const MOST_ATTEMPTS = 30;

/** There are none. */
export function tasksOf({ redis, keys, run, weights, crew, jobs, counted, say }: TasksTools): Tasks {
  const works = new Map<string, Work>();
  const heard = new Set<string>();
  let stopped: Error | undefined;

  const stop = (reason: unknown): void => {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    stopped ??= error;
    for (const work of works.values()) settle(work, ({ reject }) => reject(error));
    jobs.clear();
  };

  const settle = (work: Work, outcome: (caller: Caller) => void): void => {
    if (work.settled) return;
    work.settled = true;
    works.delete(work.id);
    for (const caller of work.callers) outcome(caller);
    for (const jobId of [...work.jobs.keys()]) {
      jobs.forget(work, jobId);
      void jobs.takeBack(jobId, work.kind).catch(() => {});
    }
    void redis.unlink(keys.payload(work.id), keys.answer(work.id)).catch(() => {});
    if (!stopped) void jobs.fill(work.kind).catch(stop);
  };

  const fails = (work: Work, error: Error): void => settle(work, ({ reject }) => reject(error));

  const redo = async (work: Work, jobId: string, why: string, worker?: string): Promise<void> => {
    if (work.settled || stopped) return;
    counted.again(why);
    jobs.forget(work, jobId);
    // What was wrong with it must not be found again.
    await redis.unlink(keys.answer(work.id));
    await jobs.takeBack(jobId, work.kind, worker);
    if (work.attempt > MOST_ATTEMPTS) return fails(work, tooManyAttempts(work, why));
    if (work.jobs.size === 0) jobs.wait(work, 'first');
    await jobs.fill(work.kind);
  };

  const drop = async (worker: string, reason: string): Promise<void> => {
    if (!(await crew.drop(worker, reason))) return;
    for (const [jobId, work] of jobs.jobs()) {
      if (work.jobs.get(jobId)?.taken?.by === worker) await redo(work, jobId, 'dropped worker');
    }
  };

  const restoreWeights = async ({ data }: Work): Promise<void> => {
    if (data.weights) await weights.restore(data.weights.version);
  };

  const hear = async (jobId: string, kind: JobKind, told: unknown): Promise<void> => {
    const work = jobs.taskOf(jobId);
    const said = readSaid(told);
    if (!work) {
      // Done late, or twice: it counts once.
      const worker = 'answer' in said ? said.answer.worker : said.worker;
      if (jobs.isOrphan(jobId)) await jobs.takeBack(jobId, kind, worker);
    } else if ('answer' in said) {
      await take(work, jobId, said.answer);
    } else {
      await redo(work, jobId, 'unreadable answer');
      say(said.problem);
    }
  };

  const take = async (work: Work, jobId: string, answer: JobAnswer): Promise<void> => {
    const { worker } = answer;
    if (crew.dropped.has(worker)) return redo(work, jobId, 'dropped worker', worker);
    const verdict = await judge(work, answer, {
      ...{ keys, maxBytes: run.maxBytes, stored: (key) => redis.getBuffer(key) },
      hasOthers: (than) => crew.hasOthers(work.kind, than),
    });
    if (verdict.drop) await drop(verdict.drop.worker, verdict.drop.reason);
    switch (verdict.kind) {
      case 'again':
        if (verdict.weightsLost) await restoreWeights(work);
        return redo(work, jobId, verdict.why, worker);
      case 'throws':
        return fails(work, verdict.error);
      case 'counts':
        return accept(work, jobId, worker, verdict);
    }
  };

  const accept = async (
    work: Work,
    jobId: string,
    worker: string,
    { value, key }: Verdict & { readonly kind: 'counts' },
  ): Promise<void> => {
    if (work.settled) return jobs.takeBack(jobId, work.kind, worker);
    counted.done(work.data.units);
    jobs.forget(work, jobId);
    settle(work, ({ resolve }) => resolve(value as never));
    await redis.unlink(key);
    await jobs.takeBack(jobId, work.kind, worker);
  };

  return {
    async run(spec, signal) {
      const made = await workOf(spec, run);
      if (stopped) throw stopped;
      if (signal?.aborted) throw aborted(signal);
      const known = works.get(made.id);
      const work = known ?? made;
      const result = waitFor<Results[typeof spec.task]>(work, signal, () => settle(work, () => {}));
      if (!known) {
        works.set(work.id, work);
        jobs.wait(work, 'last');
        void jobs.fill(work.kind).catch(stop);
      }
      return result;
    },
    async over(jobId, kind, told) {
      if (heard.has(jobId) || stopped) return;
      heard.add(jobId);
      try {
        await hear(jobId, kind, told);
      } finally {
        heard.delete(jobId);
      }
    },
    async givenUp(jobId, reason) {
      const work = jobs.taskOf(jobId);
      if (work) fails(work, lostItsWorkers(work, reason, run));
    },
    redo,
    async restore(work, jobId) {
      counted.again('lost by Redis');
      await restoreWeights(work);
      await jobs.put(work, jobId);
    },
    isHeard: (jobId) => heard.has(jobId),
    kinds: () => [...new Set([...works.values()].map(({ kind }) => kind))],
    stop,
    isStopped: () => stopped !== undefined,
  };
}

const tooManyAttempts = ({ kind, attempt }: Work, why: string): BicotError =>
  new BicotError(
    'worker',
    `distributed: a ${kind} job was given out ${attempt} times without a result (at last: ${why}). Look at what the workers print.`,
  );

const lostItsWorkers = ({ kind }: Work, reason: string, { stalledAfter }: RunInfo): BicotError =>
  new BicotError(
    'worker',
    `distributed: a ${kind} job lost its worker ${MOST_STALLS} times (${reason}). Workers may run out of memory with it, or be busy for longer than stalledAfter (${stalledAfter} s) without a pause: look at what they print, make tasks smaller (rowsPerTask, microBatch), or raise stalledAfter.`,
  );
