import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TransformerConfig } from 'bicot/models';

/** How tokens of one level are drawn. */
export interface ProblemSampling {
  readonly temperature: number;
  /** Classifier-free guidance; 1 is none. */
  readonly guidance: number;
  /** The most tokens of a completion. */
  readonly maxTokens: number;
}

/** One level of a rollout that is given, not sampled: what an update trains on. */
export interface ProblemLevel {
  readonly name: string;
  readonly space: 'text' | 'image';
  readonly sampling: ProblemSampling;
  /** `[N]`: text ids before the completion. Samples of one prompt have the same image contexts where there is no plan. */
  readonly contexts: readonly (readonly number[])[];
  /** `[N]`. */
  readonly tokens: readonly (readonly number[])[];
  /** `[N]`: of the policy that would have sampled them. */
  readonly oldLogProbs: readonly (readonly number[])[];
}

/** Everything that an implementation needs to do the same work as the others. Lies as problem.json in a folder. */
export interface Problem {
  readonly config: TransformerConfig;
  /** `[B]`: the first level's contexts. */
  readonly prompts: readonly (readonly number[])[];
  readonly groupSize: number;
  /** `[G]`: the reward of the g-th sample of every group. */
  readonly scores: readonly number[];
  /** `[N]`: the scores, standardised within each group. */
  readonly advantages: readonly number[];
  readonly levels: readonly ProblemLevel[];
  /** The id that goes between a plan and its image. */
  readonly imageStart: number;
  readonly clip: number;
  readonly klWeight: number;
  readonly learningRate: number;
  readonly maxGradNorm: number;
  /** Samples of one backward pass. */
  readonly microBatch: number;
  readonly adam: { readonly beta1: number; readonly beta2: number; readonly epsilon: number };
}

/** Where a folder has its weights. */
export const weightsPath = (folder: string): string => join(folder, 'weights.safetensors');

/** Where a folder has its problem. */
export const problemPath = (folder: string): string => join(folder, 'problem.json');

/** The problem of a folder. */
export const readProblem = (folder: string): Problem =>
  JSON.parse(readFileSync(problemPath(folder), 'utf8')) as Problem;
