import type { Queue, QueueEvents } from 'bullmq';
import { bullConnection, type Packages, type RedisConnection } from '../connection.js';
import type { Keys } from '../wire/keys.js';
import type { JobKind, RunInfo } from '../wire/protocol.js';

/** What BullMQ tells. */
export interface QueueListeners {
  readonly completed: (jobId: string, kind: JobKind, returned: unknown) => void;
  readonly failed: (jobId: string, reason: string) => void;
  readonly stalled: () => void;
}

/** BullMQ's queues of a run, one for each kind of job. */
export interface Queues {
  of(kind: JobKind): Queue;
  /** The key of a job's hash. */
  jobKey(kind: JobKind, jobId: string): string;
  /** BullMQ's own keys, besides those of jobs. */
  ownKeys(): string[];
  /** Closes the connections, and deletes the queues if asked to. */
  close(deleted: boolean): Promise<void>;
}

/** Opens the queues, and listens. */
export function openQueues(
  {
    packages,
    connection,
    keys,
    run,
  }: {
    readonly packages: Packages;
    readonly connection: RedisConnection;
    readonly keys: Keys;
    readonly run: RunInfo;
  },
  listeners: QueueListeners,
): Queues {
  const options = { connection: bullConnection(connection), prefix: keys.prefix };
  const queues = new Map<JobKind, Queue>();
  const events: QueueEvents[] = [];
  for (const kind of run.kinds) {
    const name = keys.queue(kind, run.config);
    const queue = new packages.bullmq.Queue(name, { ...options, streams: { events: { maxLen: 200 } } });
    const heard = new packages.bullmq.QueueEvents(name, options);
    // The connection of the caller tells of what is wrong.
    queue.on('error', () => {});
    heard.on('error', () => {});
    heard.on('completed', ({ jobId, returnvalue }) => listeners.completed(jobId, kind, returnvalue));
    heard.on('failed', ({ jobId, failedReason }) => listeners.failed(jobId, failedReason));
    heard.on('stalled', () => listeners.stalled());
    queues.set(kind, queue);
    events.push(heard);
  }
  const prefixOf = (kind: JobKind): string => `${keys.prefix}:${keys.queue(kind, run.config)}`;
  return {
    of: (kind) => queues.get(kind) as Queue,
    jobKey: (kind, jobId) => `${prefixOf(kind)}:${jobId}`,
    ownKeys: () => run.kinds.flatMap((kind) => BULL_KEYS.map((key) => `${prefixOf(kind)}:${key}`)),
    async close(deleted) {
      if (deleted) for (const one of queues.values()) await one.obliterate({ force: true });
      await Promise.allSettled([...events, ...queues.values()].map((one) => one.close()));
    },
  };
}

/** BullMQ's keys of a queue, besides its jobs. */
const BULL_KEYS = [
  ...['meta', 'id', 'wait', 'active', 'completed', 'failed', 'delayed', 'prioritized', 'paused', 'marker'],
  ...['events', 'stalled', 'stalled-check', 'pc', 'limiter', 'waiting-children'],
];
