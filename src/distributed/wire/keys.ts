import { BicotError } from '../../errors.js';
import type { JobKind } from './protocol.js';

/** Names of all keys of one queue. They begin with its prefix, which a cluster keeps on one node. */
export interface Keys {
  /** Of everything, BullMQ's keys too. */
  readonly prefix: string;
  /** BullMQ's name of the queue of a kind. Another configuration has other queues: its jobs are never taken by mistake. */
  queue(kind: JobKind, config: string): string;
  /** What the run is. */
  readonly run: string;
  /** Who coordinates. */
  readonly lease: string;
  /** What the coordinator tells. */
  readonly stats: string;
  /** Workers by the time that they were heard of. */
  readonly workers: string;
  /** What a worker tells. */
  worker(id: string): string;
  /** Workers that were dropped, with reasons. */
  readonly dropped: string;
  /** Of a job. */
  payload(id: string): string;
  /** Of a job, by the worker that did it. */
  result(job: string, worker: string): string;
  /** The list of a version's chunks. */
  version(version: string): string;
  /** Versions that are there. */
  readonly versions: string;
  chunk(sha256: string): string;
}

/**
 * @param queue a name of letters, digits, `.`, `_` and `-`
 * @throws BicotError `value` for another name
 */
export function keysOf(queue: string): Keys {
  if (typeof queue !== 'string' || !/^[\w.-]{1,64}$/.test(queue)) {
    throw new BicotError(
      'value',
      `distributed: the queue is ${JSON.stringify(queue)}, but must be a name of up to 64 letters, digits, '.', '_' and '-'.`,
    );
  }
  const prefix = `{bicot:${queue}}`;
  return {
    prefix,
    queue: (kind, config) => `${kind}-${config.slice(0, 16)}`,
    run: `${prefix}:run`,
    lease: `${prefix}:lease`,
    stats: `${prefix}:stats`,
    workers: `${prefix}:workers`,
    worker: (id) => `${prefix}:worker:${id}`,
    dropped: `${prefix}:dropped`,
    payload: (id) => `${prefix}:payload:${id}`,
    result: (job, worker) => `${prefix}:result:${job}:${worker}`,
    version: (version) => `${prefix}:weights:${version}`,
    versions: `${prefix}:versions`,
    chunk: (sha256) => `${prefix}:chunk:${sha256}`,
  };
}
