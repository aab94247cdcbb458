import type { BicotErrorCode } from '../errors.js';
import type { KernelSetting } from '../kernels/choice.js';
import type { LossObjective } from '../objective/loss.js';
import type { SamplingOptions } from '../policy/distribution.js';
import type { Recipe } from '../recipe.js';
import type { LevelTerms } from '../rollout/terms.js';
import type { LevelRollout } from '../rollout/types.js';
import type { Completions } from '../sampling/sampler.js';

/** Where one variable lies in the shared weights. */
export interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** In numbers, not bytes. */
  readonly offset: number;
  readonly size: number;
}

/** Whose weights a task computes with. */
export type WeightSet = 'policy' | 'reference';

/** The weights of a task: a worker that has not seen this version of the set copies it. */
export interface TaskWeights {
  readonly set: WeightSet;
  readonly version: number;
  readonly buffer: SharedArrayBuffer;
}

/** A level without its policy, which the worker has. */
export type PostedLevel = Omit<LevelRollout, 'policy'>;

/** Terms of a loss whose surrogate the worker makes itself. */
export interface PostedTerms extends Omit<LevelTerms<unknown>, 'level' | 'loss'> {
  readonly level: PostedLevel;
  readonly loss: Omit<LossObjective, 'surrogate'> & { readonly surrogate?: Recipe };
}

/** Samples of some contexts, with their random numbers drawn. */
export interface PostedSampling {
  readonly contexts: readonly unknown[];
  readonly samplesPerContext: number;
  readonly space: string;
  readonly sampling: SamplingOptions;
  /** `[rows · tokensPerRow]`. */
  readonly uniforms: Float64Array;
  readonly tokensPerRow: number;
}

/** What a worker can do. */
export type Task =
  | { readonly kind: 'sample'; readonly request: PostedSampling }
  | { readonly kind: 'score'; readonly level: PostedLevel }
  | {
      readonly kind: 'gradients';
      readonly terms: PostedTerms;
      /** Where the gradients go, laid out as the weights are. */
      readonly memory: SharedArrayBuffer;
    };

/** The tasks of one kind. */
export type TaskOf<K extends Task['kind']> = Extract<Task, { readonly kind: K }>;

/** What a backward pass gives, on the host. */
export interface HostPass {
  /** The rows' part of the loss. */
  readonly loss: number;
  /** `[R · T]`. */
  readonly logProbs: Float32Array;
  /** By variable; those that the loss does not depend on are absent. */
  readonly gradients: Readonly<Record<string, Float32Array>>;
}

/** A backward pass whose gradients are in the task's memory. */
export interface PostedPass extends Pick<HostPass, 'loss' | 'logProbs'> {
  /** The variables that have a gradient. */
  readonly names: readonly string[];
}

/** What the tasks give. */
export interface TaskResults {
  readonly sample: Completions;
  readonly score: Float32Array;
  readonly gradients: PostedPass;
}

/** The first message to a worker. */
export interface InitMessage {
  readonly kind: 'init';
  readonly policy: Recipe;
  /** TensorFlow.js's name. */
  readonly backend: string;
  readonly layout: readonly WeightEntry[];
}

/** Messages to a worker. */
export type ToWorker =
  | InitMessage
  | {
      readonly kind: 'task';
      readonly id: number;
      readonly task: Task;
      readonly weights: TaskWeights;
      /** Which the task is computed with: those of the calling thread. */
      readonly kernels: KernelSetting;
    }
  | { readonly kind: 'abort'; readonly id: number };

/** An error as plain data. */
export interface PostedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: BicotErrorCode;
}

/** Messages from a worker. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unable'; readonly error: PostedError }
  | { readonly kind: 'progress'; readonly id: number; readonly tokens: number }
  | { readonly kind: 'done'; readonly id: number; readonly result: TaskResults[keyof TaskResults] }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PostedError };
