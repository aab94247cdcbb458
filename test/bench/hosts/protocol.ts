import type { Check } from '../check.js';
import type { SizeName } from '../sizes.js';

// Each implementation lives in a process of its own, so that none can speed up or slow down another (kernels are
// global to TensorFlow.js) and another Node or PyTorch is nothing special. Requests and answers are lines of JSON
// over stdin and stdout; a process that is not asked computes nothing.

/** Benchmarks that a process can open. */
export type Task = 'train' | 'decode' | 'step' | 'kernels' | 'products' | 'vq' | 'checkpointing';

/** A variant that was not run. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** What a process is. */
export interface Hello {
  /** Versions of what computes here, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Names of the variants that it has. */
  readonly variants: readonly string[];
  readonly skipped: readonly Skipped[];
}

/** Prepares a task. */
export type OpenRequest = ProblemRequest | LeanRequest;

/** Prepares the gradients of a model that is made for it. */
export interface LeanRequest {
  readonly task: 'checkpointing';
  readonly size: SizeName;
}

/** Prepares a task that reads a problem. */
export interface ProblemRequest {
  readonly task: Exclude<Task, 'checkpointing'>;
  /** The folder of a problem. */
  readonly problem: string;
  /** One variant alone. Default: all. */
  readonly only?: string;
  /** Compute the values that are compared; without them nothing has run before the first timing. Default true. */
  readonly check?: boolean;
}

/** A variant that is ready to be timed. */
export interface OpenVariant {
  readonly name: string;
  /** What it is compared within. Default: everything else that the task has. */
  readonly group?: string;
  /** Runs per timing, for what is too short to time alone. Default 1. */
  readonly repeats?: number;
  /** Floating-point operations of one run, where they are counted. */
  readonly flops?: number;
  /** The most bytes of tensors at once, where they are counted. */
  readonly tensorBytes?: number;
  /** The largest error of a gradient, relative to the largest of its values, where two ways are compared. */
  readonly error?: number;
  readonly check: Check;
}

/** What a variant is called when it is timed. */
export const variantKey = ({ group, name }: Pick<OpenVariant, 'group' | 'name'>): string =>
  group === undefined ? name : `${group}/${name}`;

/** A request; `session` is the number that `open` gave. */
export type Request =
  | { readonly call: 'hello' }
  | ({ readonly call: 'open' } & OpenRequest)
  | { readonly call: 'time'; readonly session: number; readonly variant: string; readonly repeats: number }
  | { readonly call: 'close'; readonly session: number }
  | { readonly call: 'peak' };

/** Answers, by request. */
export interface Answers {
  readonly hello: Hello;
  readonly open: { readonly session: number; readonly variants: readonly OpenVariant[] };
  /** Of one run. */
  readonly time: { readonly ms: number };
  readonly close: Record<string, never>;
  /** The most memory that the process has held. */
  readonly peak: { readonly megabytes: number };
}

/** What comes back over the wire. */
export type Answer<T> = { readonly result: T } | { readonly error: string };
