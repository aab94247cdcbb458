import { BicotError } from '../errors.js';
import { type KernelSetting, kernelSetting } from '../kernels/choice.js';
import { receivedError, unclonable } from './errors.js';
import type {
  FromWorker,
  InitMessage,
  Task,
  TaskOf,
  TaskResults,
  TaskWeights,
  ToWorker,
} from './protocol.js';
import type { Spawn, WorkerThread } from './thread.js';

/** How often a task, or the start of a worker, is tried before its crashes are the caller's. */
export const MOST_ATTEMPTS = 3;

/** What a task may be given. */
export interface TaskOptions {
  readonly signal?: AbortSignal;
  /** Called with the tokens of each row that a sampling has drawn. */
  readonly onTokens?: (tokens: number) => void;
}

/** Threads that take tasks as they become free. */
export interface TaskQueue {
  /**
   * Queues a task. It is done once, by some worker; if that one crashes, by another.
   * @throws BicotError `aborted`, `worker` (it crashed too often, or the queue was disposed), `unsupported` (it can't be
   * posted), and what the task throws
   */
  run<K extends keyof TaskResults>(
    task: TaskOf<K>,
    weights: TaskWeights,
    options?: TaskOptions,
  ): Promise<TaskResults[K]>;
  /** Resolves once no worker is at work and no task waits. */
  idle(): Promise<void>;
  /** Ends all threads. Safe to call twice. */
  dispose(): Promise<void>;
}

interface Job extends TaskOptions {
  readonly kernels: KernelSetting;
  readonly id: number;
  readonly task: Task;
  readonly weights: TaskWeights;
  attempts: number;
  /** The promise has its outcome. A worker may still be busy with an aborted one. */
  settled: boolean;
  readonly resolve: (result: TaskResults[keyof TaskResults]) => void;
  readonly reject: (error: unknown) => void;
}

type Answer = Extract<FromWorker, { readonly id: number }>;

interface Seat {
  thread?: WorkerThread;
  /** Took the first message and waits for tasks. */
  ready: boolean;
  failedStarts: number;
  job?: Job;
}

/**
 * Starts threads and waits until all of them can work.
 * @throws BicotError `worker` if they crash while they start, and what they throw
 */
export async function taskQueue(spawn: Spawn, workers: number, init: InitMessage): Promise<TaskQueue> {
  const seats: Seat[] = Array.from({ length: workers }, () => ({ ready: false, failedStarts: 0 }));
  const waiting: Job[] = [];
  const onIdle: (() => void)[] = [];
  let lastId = 0;
  /** Why nothing can be done any more. */
  let broken: Error | undefined;
  let started: { resolve: () => void; reject: (error: Error) => void } | undefined;

  const settle = (job: Job, outcome: () => void): void => {
    if (job.settled) return;
    job.settled = true;
    outcome();
  };
  const post = (seat: Seat, message: ToWorker): void => seat.thread?.post(message);
  const isIdle = (): boolean => waiting.length === 0 && seats.every(({ job }) => job === undefined);

  /** Nothing works any more: the queue's own fault, or it was disposed. */
  const breakDown = (error: Error): void => {
    broken ??= error;
    started?.reject(error);
    for (const job of [...waiting.splice(0), ...seats.map(({ job }) => job)]) {
      if (job) settle(job, () => job.reject(broken));
    }
    for (const seat of seats) {
      seat.thread?.terminate();
      Object.assign(seat, { thread: undefined, job: undefined, ready: false });
    }
    for (const resolve of onIdle.splice(0)) resolve();
  };

  const start = (seat: Seat): void => {
    let thread: WorkerThread;
    try {
      thread = spawn();
      Object.assign(seat, { thread, ready: false });
      // Whatever comes from a thread that was replaced is old news.
      thread.listen(
        (message) => seat.thread === thread && receive(seat, message as FromWorker),
        (reason) => seat.thread === thread && crash(seat, reason),
      );
      thread.hold?.(true);
      thread.post(init);
    } catch (error) {
      breakDown(error instanceof Error && error.name === 'BicotError' ? error : unclonable(error));
    }
  };

  const crash = (seat: Seat, reason: string): void => {
    const { job, ready, thread } = seat;
    Object.assign(seat, { thread: undefined, job: undefined, ready: false });
    thread?.terminate();
    if (!ready && ++seat.failedStarts >= MOST_ATTEMPTS) {
      breakDown(
        new BicotError(
          'worker',
          `parallel: a worker could not be started in ${MOST_ATTEMPTS} attempts (${reason}). Look at what it printed; a bundler needs parallel.entry (the URL of bicot/worker or bicot/node-worker as it was built) or parallel.spawn.`,
        ),
      );
      return;
    }
    if (job && !job.settled) {
      if (++job.attempts < MOST_ATTEMPTS) waiting.unshift(job);
      else {
        const error = new BicotError(
          'worker',
          `parallel: ${MOST_ATTEMPTS} workers in a row ended while they did the same task (${job.task.kind}; at last: ${reason}). The policy may use more memory than there is, or end the process: try it without parallel, or with a smaller microBatch or rowsPerTask.`,
        );
        settle(job, () => job.reject(error));
      }
    }
    start(seat);
    assign();
  };

  const receive = (seat: Seat, message: FromWorker): void => {
    if (message.kind === 'ready') {
      Object.assign(seat, { ready: true, failedStarts: 0 });
      if (seats.every(({ ready }) => ready)) started?.resolve();
      assign();
    } else if (message.kind === 'unable') {
      // What a recipe throws, it throws in every worker.
      breakDown(receivedError(message.error));
    } else if (seat.job?.id === message.id) {
      answer(seat, seat.job, message);
    }
  };

  const answer = (seat: Seat, job: Job, message: Answer): void => {
    if (message.kind === 'progress') {
      if (!job.settled) job.onTokens?.(message.tokens);
      return;
    }
    seat.job = undefined;
    settle(job, () => {
      if (message.kind === 'done') job.resolve(message.result);
      else job.reject(receivedError(message.error));
    });
    assign();
  };

  const hand = (seat: Seat, job: Job): void => {
    seat.job = job;
    try {
      const { id, task, weights, kernels } = job;
      post(seat, { kind: 'task', id, task, weights, kernels });
    } catch (error) {
      seat.job = undefined;
      settle(job, () => job.reject(unclonable(error)));
    }
  };

  /** Gives waiting tasks to free workers. */
  const assign = (): void => {
    for (const seat of seats) {
      while (seat.ready && !seat.job && waiting.length > 0) {
        const job = waiting.shift() as Job;
        if (!job.settled) hand(seat, job);
      }
      if (seat.ready) seat.thread?.hold?.(seat.job !== undefined);
    }
    if (isIdle()) for (const resolve of onIdle.splice(0)) resolve();
  };

  await new Promise<void>((resolve, reject) => {
    started = { resolve, reject };
    for (const seat of seats) start(seat);
  });
  return {
    run(task, weights, options = {}) {
      return new Promise((resolve, reject) => {
        const { signal } = options;
        const job: Job = {
          ...options,
          ...{ id: ++lastId, task, weights, kernels: kernelSetting(), attempts: 0, settled: false },
          resolve: (result) => {
            signal?.removeEventListener('abort', onAbort);
            resolve(result as never);
          },
          reject: (error) => {
            signal?.removeEventListener('abort', onAbort);
            reject(error);
          },
        };
        const onAbort = (): void => {
          settle(job, () => job.reject(abortedTask(signal)));
          for (const seat of seats) if (seat.job === job) post(seat, { kind: 'abort', id: job.id });
        };
        if (broken || signal?.aborted) {
          reject(broken ?? abortedTask(signal));
          return;
        }
        signal?.addEventListener('abort', onAbort);
        waiting.push(job);
        assign();
      });
    },
    idle: async () => {
      if (!isIdle()) await new Promise<void>((resolve) => onIdle.push(resolve));
    },
    async dispose() {
      const ending = seats.map(({ thread }) => thread);
      breakDown(
        new BicotError('worker', 'parallel: these workers were disposed. Make new ones with workerPool.'),
      );
      await Promise.all(ending.map((thread) => thread?.terminate()));
    },
  };
}

function abortedTask(signal: AbortSignal | undefined): BicotError {
  return new BicotError('aborted', 'parallel: stopped by the abort signal.', { cause: signal?.reason });
}
