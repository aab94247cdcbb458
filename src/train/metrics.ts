import type { ByLevel } from '../objective/level-name.js';
import { levelStats } from '../objective/stats.js';
import type { CallStatistics } from '../rewards/ensemble/report.js';
import type { RewardStatistics } from '../rewards/ensemble/statistics.js';
import type { LevelRollout } from '../rollout/types.js';
import { repeatHostRows } from '../tensor/repeat-rows.js';
import { type LevelBatch, tokenCount, trainsOtherDistribution } from './levels.js';

/**
 * One level in one training step; means are over valid tokens. What compares policies counts a row once for each
 * sample that shares it, as the loss does; `entropy`, `meanLength`, `tokens` and `guidanceGap` tell what was
 * sampled, and count each row once.
 */
export interface LevelMetrics {
  /** Whether it contributed a gradient. */
  readonly trained: boolean;
  /** KL(policy ‖ reference), k3. 0 without a KL penalty, and for a level of another policy. */
  readonly kl: number;
  /** KL(policy that sampled ‖ policy), k3, before the last update. 0 for a level of another policy. */
  readonly approxKl: number;
  /** max |ratio − 1| before the first update: about 0, or sampler and policy disagree. */
  readonly maxRatioDeviation: number;
  /** Before the last update. */
  readonly meanRatio: number;
  /** Share of the tokens whose gradient the clip removed in the last update. */
  readonly clipFraction: number;
  /** In nats, of the distribution sampled from. */
  readonly entropy: number;
  /** Tokens of a row, the end token included. */
  readonly meanLength: number;
  /** Sampled tokens: those of all rows. */
  readonly tokens: number;
  /** Guidance `conditional` only: mean of (log-prob sampled under − log-prob trained). 0 otherwise. */
  readonly guidanceGap: number;
  /** Norm of the level's own gradient in the last update, before clipping. 0 if it was not trained. */
  readonly gradNorm: number;
  /** β in this step. */
  readonly klWeight: number;
  /** The weight of the entropy bonus in this step. */
  readonly entropyWeight: number;
}

/** Wall time of a step, in seconds. */
export interface StepSeconds {
  /** From the start of the step to the end of its last update. */
  readonly total: number;
  /** Sampling. */
  readonly rollout: number;
  /** Computing rewards, and waiting for those that are computed elsewhere. */
  readonly reward: number;
  /** Scoring what was sampled under the reference. */
  readonly reference: number;
  /** All updates of the step, forward and backward. */
  readonly update: number;
}

/** A training step as plain data: `JSON.stringify` it into a line of `metrics.jsonl`. */
export interface StepMetrics {
  /** From 0. */
  readonly step: number;
  /** What the rewards gave. */
  readonly reward: {
    /** N: samples that were rolled out. */
    readonly samples: number;
    /** Of the weighted total, over the samples that have one. NaN if none has. */
    readonly mean: number;
    /** Over the whole batch. */
    readonly std: number;
    /** The rewards that are trained, as they scored. */
    readonly byMember: Readonly<Record<string, RewardStatistics>>;
    /** How much of the advantage each trained reward decides; they add up to 1, or are all 0 (`rewardShares`). */
    readonly shares: Readonly<Record<string, number>>;
    /** Samples that are out because of failures (`EnsembleResult.dropped`). */
    readonly dropped: number;
    /** The rewards that are only watched. */
    readonly monitors: Readonly<Record<string, RewardStatistics>>;
  };
  /** What was made of the rewards. */
  readonly advantages: {
    /** Over the whole batch, samples that are out left aside. */
    readonly std: number;
    /** Share of the sampled groups whose samples all got the same reward, and that teach nothing. */
    readonly zeroVarianceFraction: number;
    /** Groups that were sampled in place of such ones (`zeroVariance: { resample }`). */
    readonly resampled: number;
  };
  /** By level name, in the rollout's order. */
  readonly levels: ByLevel<LevelMetrics>;
  /** Of the last update, before it. */
  readonly loss: number;
  /** Of the last update, before clipping. 0 if there was nothing to train on. */
  readonly gradNorm: number;
  /** Of the step's updates. */
  readonly learningRate: number;
  /** Sampled tokens of all levels by the step's total time. */
  readonly tokensPerSecond: number;
  /** Where the time went. */
  readonly seconds: StepSeconds;
  /** What it took to get the rewards, by member. */
  readonly calls: Readonly<Record<string, CallStatistics>>;
}

/** What is the same, bit for bit, whenever the same run is made again: all but how long it took. */
export function withoutTiming({
  tokensPerSecond: _,
  seconds: __,
  calls: ___,
  ...same
}: StepMetrics): Omit<StepMetrics, 'tokensPerSecond' | 'seconds' | 'calls'> {
  return same;
}

/** Log-probs of one level, `[R · T]`, before the first and before the last update of a rollout. */
export interface ScoredUpdates {
  /** Before any update. */
  readonly first: Float32Array;
  /** With one update, the same numbers. */
  readonly last: Float32Array;
}

/** What a level's metrics are made of besides its batch. */
export interface LevelMetricsInput<C> {
  /** Absent for a level of another policy. */
  readonly scored?: ScoredUpdates;
  /** Norm of the level's own gradient. Default 0. */
  readonly gradNorm?: number;
  /** What was sampled, where it is more than the batch trains on. Default: the batch's level. */
  readonly sampled?: LevelRollout<C>;
}

/** Metrics of one level. */
export function levelMetrics<C>(batch: LevelBatch<C>, input: LevelMetricsInput<C> = {}): LevelMetrics {
  const { level, trained, loss } = batch;
  const { scored, gradNorm = 0, sampled = level } = input;
  const tokens = tokenCount(sampled);
  const perToken = (sum: number, count = tokens): number => (count === 0 ? 0 : sum / count);
  const gap = scored && trainsOtherDistribution(level) ? sumOfGaps(batch, scored.first) : 0;
  return {
    trained,
    ...(scored ? policyMetrics(batch, scored) : UNSCORED),
    entropy: perToken(sampled.entropy.reduce((sum, value) => sum + value, 0)),
    meanLength: sampled.completion.rows === 0 ? 0 : tokens / sampled.completion.rows,
    tokens,
    guidanceGap: perToken(gap, tokenCount(level)),
    gradNorm,
    klWeight: loss.klWeight ?? 0,
    entropyWeight: loss.entropyWeight ?? 0,
  };
}

type PolicyMetrics = Pick<
  LevelMetrics,
  'kl' | 'approxKl' | 'maxRatioDeviation' | 'meanRatio' | 'clipFraction'
>;

const UNSCORED: PolicyMetrics = { kl: 0, approxKl: 0, maxRatioDeviation: 0, meanRatio: 1, clipFraction: 0 };

function policyMetrics<C>(batch: LevelBatch<C>, { first, last }: ScoredUpdates): PolicyMetrics {
  const { advantages, level, objective, referenceLogProbs } = batch;
  const { completion, samplesPerRow } = level;
  const perSample = (values: Float32Array) => repeatHostRows(values, completion.width, samplesPerRow);
  const stats = (logProbs: Float32Array) =>
    levelStats(
      {
        logProbs: perSample(logProbs),
        oldLogProbs: perSample(batch.oldLogProbs ?? first),
        ...(referenceLogProbs ? { referenceLogProbs: perSample(referenceLogProbs) } : {}),
        advantages,
        lengths: repeatHostRows(completion.lengths, 1, samplesPerRow),
        width: completion.width,
      },
      objective,
    );
  const { kl, approxKl, meanRatio, clipFraction } = stats(last);
  return { kl, approxKl, maxRatioDeviation: stats(first).maxRatioDeviation, meanRatio, clipFraction };
}

/** Σ (behaviour − trained) over valid tokens. Both are 0 on padding. */
function sumOfGaps<C>({ level }: LevelBatch<C>, logProbs: Float32Array): number {
  return level.behaviourLogProbs.reduce((sum, value, i) => sum + value - (logProbs[i] as number), 0);
}
