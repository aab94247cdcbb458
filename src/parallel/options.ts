import { BicotError } from '../errors.js';
import { assertKnownOptions } from '../options.js';
import type { Task } from './protocol.js';
import type { Spawn } from './thread.js';

/**
 * What workers can do in a training: `sample` for rollouts, `score` for the frozen reference, `gradients` for all passes of an
 * update.
 */
export type WorkerTask = 'sample' | 'score' | 'gradients';

/** All that workers can do. */
export const WORKER_TASKS: readonly WorkerTask[] = ['sample', 'score', 'gradients'] satisfies Task['kind'][];

/** How many workers, and how they work. */
export interface ParallelOptions {
  /** Threads. As many as there are cores for them, or fewer. */
  readonly workers: number;
  /**
   * Rows that a worker samples at once: whole contexts, as many as fit, at least one. The number of workers changes no
   * result; this does on backends whose sums depend on the batch. Default 16.
   */
  readonly rowsPerTask?: number;
  /** TensorFlow.js's name of the workers' backend. Default: the one of this thread. */
  readonly backend?: string;
  /**
   * What `train` and `evaluate` leave to the workers; the rest runs in the calling thread, on its own backend. At least one.
   * Default: everything.
   */
  readonly tasks?: readonly WorkerTask[];
  /**
   * Where the worker's code is, for bundlers: the URL of `bicot/worker`, in Node of `bicot/node-worker`, as it was built.
   * Default: where the package has it.
   */
  readonly entry?: string | URL;
  /** Makes a worker's thread, instead of `entry`. Default: a thread of Node or a Web Worker of it. */
  readonly spawn?: Spawn;
}

const OPTIONS: readonly string[] = [
  'workers',
  'rowsPerTask',
  'backend',
  'tasks',
  'entry',
  'spawn',
] satisfies (keyof ParallelOptions)[];

/**
 * Throws unless the options make sense.
 * @throws BicotError `value`
 */
export function checkParallel(options: ParallelOptions): void {
  assertKnownOptions('parallel', options, OPTIONS);
  for (const name of ['workers', 'rowsPerTask'] as const) {
    const value = options[name];
    if (name === 'rowsPerTask' && value === undefined) continue;
    if (Number.isInteger(value) && (value as number) >= 1) continue;
    throw new BicotError(
      'value',
      `parallel: ${name} is ${value}, but must be a whole number of at least 1. Without workers, leave parallel out.`,
    );
  }
  assertTasks(options.tasks ?? WORKER_TASKS);
}

function assertTasks(tasks: readonly WorkerTask[]): void {
  const listed = Array.isArray(tasks) && tasks.length > 0;
  if (listed && tasks.every((task) => WORKER_TASKS.includes(task))) return;
  throw new BicotError(
    'value',
    `parallel: tasks is ${JSON.stringify(tasks)}, but must be a list with at least one of ${WORKER_TASKS.map((task) => `'${task}'`).join(', ')}. Leave tasks out to have workers do everything, or leave parallel out to have them do nothing.`,
  );
}
