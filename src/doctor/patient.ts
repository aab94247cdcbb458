import type { CombinedRewards } from '../objective/combine.js';
import { isTruncated } from '../policy/distribution.js';
import type { Reference } from '../policy/reference.js';
import { tokenSpaceOf } from '../policy/spaces.js';
import type { EnsembleResult } from '../rewards/ensemble/result.js';
import type { LevelRollout, Rollout } from '../rollout/types.js';
import { throwIfAborted } from '../train/guards.js';
import { tokenCount, trainsOtherDistribution } from '../train/levels.js';
import type { TrainSettings } from '../train/options.js';
import { promptBatch } from '../train/prompts.js';
import { policyLogProbs, referenceLogProbs, type ScoreOptions } from '../train/score.js';
import type { DoctorSettings } from './options.js';

/** What the rewards said about one batch. */
export interface ScoredBatch {
  readonly rewards: EnsembleResult;
  readonly combined: CombinedRewards;
}

/** A training run under examination. What earlier rungs learn, later ones use. */
export interface Patient<P, C> {
  readonly settings: TrainSettings<P, C>;
  readonly doctor: DoctorSettings;
  /** The one that training would use; absent without a KL penalty. */
  readonly reference?: Reference<C>;
  /** The batches of the first steps; the rewards' rung may add some. */
  readonly rollouts: Rollout<P, C>[];
  /** Throws if the examination was stopped. */
  readonly checkAbort: () => void;
  /** How much two forward passes differ, by level; set by the first rung. */
  readonly noise: Map<string, number>;
  /** Tokens that should not count, by level of the first batch: 1 in `[R · T]`; set by the second rung. */
  readonly unsound: Map<string, Uint8Array>;
  /** One for each batch; set by the rewards' rung, empty if they could not be had. */
  readonly scored: ScoredBatch[];
}

/** The samples that training draws in its step `startStep + batch`, or those of one prompt of it. */
export function drawBatch<P, C>(
  settings: TrainSettings<P, C>,
  batch: number,
  signal: AbortSignal | undefined,
  prompts?: number,
): Promise<Rollout<P, C>> {
  const step = settings.startStep + batch;
  const all = promptBatch(settings.prompts, settings.promptsPerStep, settings.seed, step);
  return settings.rollout({
    prompts: all.prompts.slice(0, prompts),
    promptIds: all.promptIds.slice(0, prompts),
    groupSize: settings.groupSize,
    step,
    seed: settings.seed,
    signal,
  });
}

/** A level as it was sampled: where guidance `conditional` trains another distribution, the guided one. */
export function asSampled<C>(level: LevelRollout<C>): LevelRollout<C> {
  const { guidance } = level.sampling;
  if (guidance === undefined || !trainsOtherDistribution(level)) return level;
  return { ...level, sampling: { ...level.sampling, guidance: { ...guidance, logProbs: 'guided' } } };
}

/** Whether top-k or top-p was used without recording what it kept, so that log-probs can't be had. */
export function isUnrecorded<C>(level: LevelRollout<C>): boolean {
  return (
    level.kept === undefined && isTruncated(level.sampling, tokenSpaceOf(level.policy, level.space).size)
  );
}

/** Levels of a batch that training scores: sampled by its policy, with tokens, under a known distribution. */
export function scorableLevels<P, C>({ settings, rollouts }: Patient<P, C>, batch = 0): LevelRollout<C>[] {
  const levels = rollouts[batch]?.levels ?? [];
  return levels.filter(
    (level) => level.policy === settings.policy && tokenCount(level) > 0 && !isUnrecorded(level),
  );
}

/** Log-probs under the policy, `[R · T]`. */
export function scoreLevel<P, C>(patient: Patient<P, C>, level: LevelRollout<C>): Promise<Float32Array> {
  patient.checkAbort();
  return policyLogProbs(level, scoring(patient));
}

/** Log-probs under the reference, `[R · T]`. */
export function scoreReference<P, C>(
  patient: Patient<P, C>,
  level: LevelRollout<C>,
  reference: Reference<C>,
): Promise<Float32Array> {
  patient.checkAbort();
  return referenceLogProbs(level, reference, scoring(patient));
}

/** With padding as it is, so that what depends on it shows. */
function scoring<P, C>({ settings }: Patient<P, C>): ScoreOptions {
  return { microBatch: settings.microBatch, padded: true, where: 'doctor' };
}

/** A limit that a noisy forward pass can't reach by its noise alone. */
export function beyondNoise<P, C>({ noise }: Patient<P, C>, level: string, limit: number): number {
  return Math.max(limit, 4 * (noise.get(level) ?? 0));
}

/** Stops where either signal says so. */
export function abortCheck(...signals: readonly (AbortSignal | undefined)[]): () => void {
  return () => {
    for (const signal of signals) throwIfAborted('doctor', signal);
  };
}
