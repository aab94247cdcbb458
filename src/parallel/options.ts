import { BicotError } from '../errors.js';
import { assertKnownOptions } from '../options.js';
import type { Spawn } from './thread.js';

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
  /** Where the worker's code is, for bundlers: the URL of `bicot/worker`, in Node of `bicot/node-worker`, as it was built. */
  readonly entry?: string | URL;
  /** Makes a worker's thread, instead of `entry`. */
  readonly spawn?: Spawn;
}

const OPTIONS: readonly string[] = [
  'workers',
  'rowsPerTask',
  'backend',
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
}
