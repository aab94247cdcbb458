import { kernelSetting } from '../../kernels/choice.js';
import type { ExecutorTask } from '../../parallel/executor.js';
import { encode } from '../wire/codec.js';
import { checksum, type Packed, pack } from '../wire/packed.js';
import {
  type JobData,
  type JobKind,
  type JobWeights,
  kindOf,
  PROTOCOL,
  type RunInfo,
} from '../wire/protocol.js';
import type { Suspect } from './finite.js';

/** A task for whichever worker takes it. */
export interface TaskSpec<K extends ExecutorTask> {
  readonly task: K;
  /** Plain data. */
  readonly payload: unknown;
  readonly weights?: JobWeights;
  /** Rows, for speeds. */
  readonly units: number;
}

/** Who waits for a task. */
export interface Caller {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** A task on its way to a result. */
export interface Work {
  readonly id: string;
  readonly kind: JobKind;
  readonly task: ExecutorTask;
  readonly data: Omit<JobData, 'backlog'>;
  readonly payload: Packed;
  readonly callers: Caller[];
  /** Of the next job. */
  attempt: number;
  /** In the queue: several if one is late. */
  readonly jobs: Map<string, { taken?: { readonly by: string; readonly since: number } }>;
  readonly failures: { readonly worker: string; readonly error: Error }[];
  suspect?: Suspect;
  settled: boolean;
}

/**
 * A task as jobs say it. Tasks that are the same have the same id, in whichever life of the coordinator.
 * @throws BicotError `value` for a payload that is too large, or no plain data
 */
export async function workOf(spec: TaskSpec<ExecutorTask>, run: RunInfo): Promise<Work> {
  const bytes = encode(spec.payload);
  const payload = await pack(bytes, { most: run.maxBytes, what: `a task ('${spec.task}')` });
  const { sha256, bytes: stored, raw } = payload;
  const named: Omit<JobData, 'backlog' | 'payload'> = {
    ...{ protocol: PROTOCOL, config: run.config, kind: kindOf(spec.task), task: spec.task },
    ...(spec.weights && { weights: spec.weights }),
    ...{ kernels: kernelSetting(), units: spec.units },
  };
  return {
    // Of the bytes as they are, not as this version of zlib compresses them.
    id: checksum(Buffer.from(JSON.stringify([named, checksum(bytes)]))).slice(0, 40),
    ...{
      kind: named.kind,
      task: spec.task,
      data: { ...named, payload: { sha256, bytes: stored, raw } },
      payload,
    },
    ...{ callers: [], attempt: 0, jobs: new Map(), failures: [], settled: false },
  };
}
