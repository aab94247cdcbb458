import type { KernelSetting } from '../../kernels/choice.js';
import type { ExecutorTask } from '../../parallel/executor.js';
import type { PostedError, WeightEntry, WeightSet } from '../../parallel/protocol.js';
import type { PackedInfo } from './packed.js';

/** Changes whenever processes of different versions would misunderstand each other. */
export const PROTOCOL = 1;

/** What a worker may be asked to do. */
export const JOB_KINDS = ['rollout', 'reward', 'gradient'] as const;
/** What a worker may be asked to do: rollouts; rewards of samples; gradients, and the scores of the reference. */
export type JobKind = (typeof JOB_KINDS)[number];

/** The kind of job that a task is. */
export const kindOf = (task: ExecutorTask): JobKind =>
  task === 'sample' ? 'rollout' : task === 'reward' ? 'reward' : 'gradient';

/** Whose weights a job computes with, and which. */
export interface JobWeights {
  readonly set: WeightSet;
  /** SHA-256 of them all. */
  readonly version: string;
}

/** What the queue holds of a job. Everything that its result depends on is in here, or has its checksum here. */
export interface JobData {
  readonly protocol: typeof PROTOCOL;
  /** Of the configuration. */
  readonly config: string;
  readonly kind: JobKind;
  readonly task: ExecutorTask;
  /** Absent where no weights matter. */
  readonly weights?: JobWeights;
  readonly kernels: KernelSetting;
  readonly payload: PackedInfo;
  /** Rows, for speeds. */
  readonly units: number;
  /** Tasks that waited or were under way for each worker when the job was queued. */
  readonly backlog: number;
}

/** Times that a job may lose its worker before it is given up. */
export const MOST_STALLS = 8;

/** BullMQ's name of a job: its task, a checksum of all that the result depends on, and which attempt it is. */
export const jobIdOf = (task: string, attempt: number): string => `${task}-${attempt}`;
/** The task of a job. */
export const taskOf = (jobId: string): string => jobId.split('-')[0] as string;

/** What a worker says of a job that it did. */
export type JobAnswer = {
  /** Of the worker. */
  readonly worker: string;
  /** It took to compute, without waiting. */
  readonly seconds: number;
} & (
  | { readonly kind: 'done'; readonly result: PackedInfo; readonly key: string }
  /** What the task threw. */
  | { readonly kind: 'failed'; readonly error: PostedError }
  /** The job could not be begun, through no fault of the worker: its payload or weights are gone or damaged. */
  | { readonly kind: 'lost'; readonly reason: string }
  /** The worker is none for such jobs. */
  | { readonly kind: 'refused'; readonly reason: string }
);

/** What is said of a run to those who want to work for it. */
export interface RunInfo {
  readonly protocol: number;
  /** bicot's version. */
  readonly bicot: string;
  /** Of the configuration, as each side has it. */
  readonly config: string;
  /** Backends whose results are allowed, by TensorFlow.js's names. */
  readonly backends: readonly string[];
  readonly layout: readonly WeightEntry[];
  readonly kinds: readonly JobKind[];
  readonly weights: 'redis' | 'folder';
  /** Seconds after which a job whose worker says nothing is given to another. */
  readonly stalledAfter: number;
  /** Bytes that a payload, a result or a chunk of weights may have. */
  readonly maxBytes: number;
  /** Seconds after which keys vanish by themselves. */
  readonly ttl: number;
  /** Of the coordinator: another one is another life. */
  readonly life: string;
}

/** A worker, as it tells of itself. */
export interface WorkerInfo {
  /** Host, process and some random digits: one that is started anew is another. */
  readonly id: string;
  /** Name of its machine. */
  readonly host: string;
  /** Its process on that machine. */
  readonly pid: number;
  /** The backend and its device, in words. */
  readonly device: string;
  /** As TensorFlow.js names it, such as `wasm`. */
  readonly backend: string;
  /** Jobs that it takes: all that its setup can do, or those that it was told to. */
  readonly kinds: readonly JobKind[];
  /** bicot's version. */
  readonly bicot: string;
  /** Of the run that it works for. */
  readonly config?: string;
  /** Why it works for none. */
  readonly refused?: string;
  /** Jobs that it takes at once. */
  readonly keeps: number;
  /** It was told to end: what is under way is finished, and nothing else is taken. */
  readonly draining: boolean;
  /** Jobs done, by kind. */
  readonly done: Readonly<Partial<Record<JobKind, number>>>;
  /** Rows a second while it computed, by kind. */
  readonly speed: Readonly<Partial<Record<JobKind, number>>>;
}

/** What a coordinator tells of a run. */
export interface RunStats {
  /** Tasks that wait for their turn in the coordinator. */
  readonly waiting: number;
  /** Jobs in the queue. */
  readonly queued: number;
  /** Tasks whose results workers gave, since this coordinator began. */
  readonly done: number;
  /** Jobs that were given again, and why. */
  readonly redone: Readonly<Record<string, number>>;
  /** Workers whose results are not taken any more, with the reason. */
  readonly dropped: Readonly<Record<string, string>>;
  /** Rows of results a second, over the last ten seconds or so. */
  readonly unitsPerSecond: number;
}
