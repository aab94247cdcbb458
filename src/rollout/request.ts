import { BicotError } from '../errors.js';
import type { SampleFunction, SamplingProgress } from '../sampling/sampler.js';
import type { KeyPart } from '../tensor/noise.js';
import { assertLength } from '../tensor/shape.js';
import type { Rollout } from './types.js';

/** How far a rollout has come. */
export interface RolloutProgress extends SamplingProgress {
  /** The level being sampled: `semantic`, `token`, or a name of the user's. */
  readonly level: string;
}

/** What to roll out. */
export interface RolloutRequest<Prompt> {
  /** `[B]`. */
  readonly prompts: readonly Prompt[];
  /** `[B]`: a stable name of each prompt (its row in the data set), which keys its randomness. */
  readonly promptIds: readonly KeyPart[];
  /** G: samples per prompt; training needs at least 2. */
  readonly groupSize: number;
  /** The training step; another step draws other samples. */
  readonly step: number;
  /** Keys the random numbers, with step, prompt, sample and level. */
  readonly seed: KeyPart;
  /** Stops the sampling with an error of code `aborted`. */
  readonly signal?: AbortSignal;
  /** Called after every token. */
  readonly onProgress?: (progress: RolloutProgress) => void;
  /** Who samples a level, such as a pool of workers. Default `sampleCompletions`. */
  readonly sample?: SampleFunction;
}

/** Turns prompts into a batch of grouped samples. Everything returned lives on the host: nothing to dispose. */
export type RolloutFunction<Prompt, Context> = (
  request: RolloutRequest<Prompt>,
) => Promise<Rollout<Prompt, Context>>;

/**
 * Throws unless there are prompts, an id for each, and at least one sample of each.
 * @throws BicotError `empty-prompts`, `group-size` or `shape`
 */
export function assertRolloutRequest<Prompt>(request: RolloutRequest<Prompt>): void {
  const { prompts, promptIds, groupSize } = request;
  if (prompts.length === 0) {
    throw new BicotError('empty-prompts', 'The rollout got no prompts. Give at least one.');
  }
  assertLength('rollout: promptIds', promptIds, prompts.length, 'B, one per prompt');
  if (!(Number.isInteger(groupSize) && groupSize >= 1)) {
    throw new BicotError(
      'group-size',
      `The rollout got groupSize ${groupSize}, but it must be a whole number of at least 1 (8 is common in training).`,
    );
  }
}

/**
 * For each prompt of the batch, how often its id came before. A repeated prompt goes on in the random numbers
 * where its first group stopped, so that its groups differ.
 */
export function occurrencesOf(promptIds: readonly KeyPart[]): number[] {
  const seen = new Map<string, number>();
  return promptIds.map((id) => {
    const before = seen.get(String(id)) ?? 0;
    seen.set(String(id), before + 1);
    return before;
  });
}
