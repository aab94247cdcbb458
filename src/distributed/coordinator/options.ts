import { BicotError } from '../../errors.js';
import { assertKnownOptions, assertNumber, POSITIVE, POSITIVE_INTEGER } from '../../options.js';
import type { ExecutorTask } from '../../parallel/executor.js';
import type { RedisConnection } from '../connection.js';
import { keysOf } from '../wire/keys.js';

/** How a training uses a fleet of workers. */
export interface BullMqOptions {
  /** Redis or Valkey: a URL (`redis://user:password@host:port`, `rediss://` for TLS), or options of ioredis. */
  readonly connection: RedisConnection;
  /** A name that the run and its workers share, of letters, digits, `.`, `_` and `-`. One run at a time. */
  readonly queue: string;
  /**
   * What the workers were configured with: plain data that must be the same on both sides. Default: the policy's recipe, the
   * module in it by its content.
   */
  readonly config?: unknown;
  /**
   * What `train` leaves to the fleet; the rest is done in this process. `reward` is the reward that the workers have.
   * Default: `sample`, `score` and `gradients`.
   */
  readonly tasks?: readonly ExecutorTask[];
  /** Rows that a worker samples at once. Default 16. As `ParallelOptions.rowsPerTask`. */
  readonly rowsPerTask?: number;
  /** Groups of samples in a job of rewards. Default 1. */
  readonly groupsPerTask?: number;
  /** Backends of workers whose results are taken, by TensorFlow.js's names. Others give other last bits. Default: the one of this process. */
  readonly backends?: readonly string[];
  /** A folder that this process and all workers see, for the weights. Default: they go through Redis. */
  readonly weightsFolder?: string;
  /** Seconds after which a job whose worker gives no sign of life is given to another. Longer than one pass takes. Default 60. */
  readonly stalledAfter?: number;
  /** Seconds after which the run ends with an error if no worker is there. Default: it waits, and says so. */
  readonly waitForWorkers?: number;
  /** Bytes that a job, a result or a chunk of weights may have, compressed. Default 256 MiB. */
  readonly maxBytes?: number;
  /** Seconds after which keys vanish by themselves if this process does and never comes back. Default a day. */
  readonly ttl?: number;
  /** Told what happens to the fleet. Default: lines on the standard error stream. */
  readonly say?: (line: string) => void;
}

const OPTIONS: readonly string[] = [
  ...(['connection', 'queue', 'config', 'tasks', 'rowsPerTask', 'groupsPerTask', 'backends'] as const),
  ...(['weightsFolder', 'stalledAfter', 'waitForWorkers', 'maxBytes', 'ttl', 'say'] as const),
] satisfies (keyof BullMqOptions)[];

const TASKS: readonly ExecutorTask[] = ['sample', 'score', 'gradients', 'reward'];

/** Options with every default filled in. */
export interface BullMqSettings
  extends Required<Omit<BullMqOptions, 'config' | 'backends' | 'weightsFolder'>>,
    Pick<BullMqOptions, 'config' | 'backends' | 'weightsFolder'> {}

/** Redis holds no longer value. */
const MOST_BYTES = 512 * 2 ** 20;

/** @throws BicotError `value` for options that make no sense */
export function bullMqSettings(options: BullMqOptions): BullMqSettings {
  assertKnownOptions('bullmq', options, OPTIONS);
  const settings = {
    ...options,
    tasks: [...new Set(options.tasks ?? TASKS.slice(0, 3))],
    rowsPerTask: options.rowsPerTask ?? 16,
    groupsPerTask: options.groupsPerTask ?? 1,
    stalledAfter: options.stalledAfter ?? 60,
    waitForWorkers: options.waitForWorkers ?? Number.POSITIVE_INFINITY,
    maxBytes: options.maxBytes ?? 256 * 2 ** 20,
    ttl: options.ttl ?? 86_400,
    say: options.say ?? ((line: string) => void process.stderr.write(`${line}\n`)),
  };
  keysOf(settings.queue);
  assertNumber('bullmq', 'rowsPerTask', settings.rowsPerTask, POSITIVE_INTEGER);
  assertNumber('bullmq', 'groupsPerTask', settings.groupsPerTask, POSITIVE_INTEGER);
  assertNumber('bullmq', 'stalledAfter', settings.stalledAfter, POSITIVE);
  assertNumber('bullmq', 'ttl', settings.ttl, {
    words: 'a whole number of seconds, 60 or more',
    test: (value) => Number.isSafeInteger(value) && value >= 60,
  });
  assertNumber('bullmq', 'maxBytes', settings.maxBytes, {
    words: 'a whole number up to 512 MiB, the most that Redis holds in one value',
    test: (value) => Number.isSafeInteger(value) && value > 0 && value <= MOST_BYTES,
  });
  assertNumber('bullmq', 'waitForWorkers', settings.waitForWorkers, {
    words: 'above 0',
    test: (value) => value > 0,
  });
  const wrong = settings.tasks.find((task) => !TASKS.includes(task));
  if (wrong !== undefined || settings.tasks.length === 0) {
    throw new BicotError(
      'value',
      `bullmq: tasks is ${JSON.stringify(options.tasks)}, but must be a list with at least one of ${TASKS.join(', ')}.`,
    );
  }
  return settings;
}
