import * as tf from '@tensorflow/tfjs';
import {
  type EnsembleResult,
  formatFindings,
  type LevelMetrics,
  type LevelRollout,
  type PromptRow,
  type RgbImage,
  type Rollout,
  type TokenContext,
  type TrainStep,
  tokenRow,
} from 'bicot';
import { heldOutOf } from '../../../emoji/holdout.js';
import { specOf } from '../../../emoji/requirement.js';
import { END, TOKENIZER } from '../../../emoji/vocabulary.js';
import type { Group, LevelReport, PlanWord, StepReport, Try } from '../messages.js';

type EmojiRollout = Rollout<PromptRow, TokenContext>;

/** What is needed to show the tries of one prompt. */
export interface Tried {
  readonly rollout: EmojiRollout;
  readonly rewards: EnsembleResult;
  /** `[N]`. */
  readonly advantages: Float32Array;
}

/** The tries of the first prompt of a rollout, as the page shows them. */
export function groupReport({ rollout, rewards, advantages }: Tried): Group {
  const { groupSize, prompts } = rollout;
  const row = prompts[0] as PromptRow;
  const tries = Array.from({ length: groupSize }, (_, i) => tryReport(i, rollout, rewards, advantages));
  const totals = tries.flatMap(({ total }) => (total === null ? [] : [total]));
  const mean = totals.reduce((sum, total) => sum + total, 0) / totals.length;
  const squares = totals.reduce((sum, total) => sum + (total - mean) ** 2, 0);
  return {
    prompt: row.prompt,
    heldOut: heldOutOf(specOf(row).wanted),
    tries,
    mean,
    std: Math.sqrt(squares / Math.max(1, totals.length - 1)),
  };
}

function tryReport(
  at: number,
  rollout: EmojiRollout,
  { results, total }: EnsembleResult,
  advantages: Float32Array,
): Try {
  const sample = rollout.samples[at];
  const [semantic, token] = rollout.levels;
  const image = sample?.image as RgbImage;
  const scored = Object.entries(results).map(([name, all]) => {
    const result = all[at];
    return [name, result?.kind === 'score' ? result.value : null] as const;
  });
  const { judge, ...trained } = Object.fromEntries(scored);
  const sum = total[at] ?? Number.NaN;
  return {
    side: image.width,
    pixels: rgba(image),
    plan: sample?.plan ?? '',
    words: wordsOf(semantic as LevelRollout<TokenContext>, at),
    tokenProbabilities: probabilitiesOf(token as LevelRollout<TokenContext>, at),
    rewards: trained,
    total: Number.isNaN(sum) ? null : sum,
    advantage: advantages[at] ?? 0,
    accepted: judge === 1,
  };
}

function rgba({ width, height, data }: RgbImage): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) pixels.set(data.subarray(i * 3, i * 3 + 3), i * 4);
  return pixels;
}

/** Probabilities of a row's tokens, of the distribution that they were drawn from. */
function probabilitiesOf(level: LevelRollout<TokenContext>, row: number): Float32Array<ArrayBuffer> {
  const { width, lengths } = level.completion;
  const begin = row * width;
  return Float32Array.from(level.behaviourLogProbs.subarray(begin, begin + (lengths[row] ?? 0)), Math.exp);
}

function wordsOf(level: LevelRollout<TokenContext>, row: number): PlanWord[] {
  const probabilities = probabilitiesOf(level, row);
  return Array.from(tokenRow(level.completion, row), (id, i) => ({
    word: id === END ? 'end' : TOKENIZER.decode([id]) || '·',
    probability: probabilities[i] ?? 0,
  }));
}

/** A step of the training, as the page shows it. */
export function stepReport(made: TrainStep<PromptRow, TokenContext>, maxGradNorm: number): StepReport {
  const { metrics, findings } = made;
  const { numTensors, numBytes } = tf.memory();
  return {
    step: metrics.step + 1,
    group: groupReport(made),
    reward: metrics.reward.mean,
    judge: metrics.reward.monitors.judge?.mean ?? Number.NaN,
    levels: {
      plan: levelReport(metrics.levels.semantic as LevelMetrics),
      picture: levelReport(metrics.levels.token as LevelMetrics),
    },
    samples: metrics.reward.samples,
    flatGroups: Math.round(
      (metrics.advantages.zeroVarianceFraction * metrics.reward.samples) / made.rollout.groupSize,
    ),
    loss: metrics.loss,
    gradNorm: metrics.gradNorm,
    maxGradNorm,
    learningRate: metrics.learningRate,
    seconds: metrics.seconds.total,
    tokensPerSecond: metrics.tokensPerSecond,
    findings: findings.length > 0 ? [formatFindings(findings)] : [],
    memory: { tensors: numTensors, bytes: numBytes },
  };
}

function levelReport(metrics: LevelMetrics): LevelReport {
  const { kl, entropy, tokens, meanLength, maxRatioDeviation, clipFraction, gradNorm } = metrics;
  return { kl, entropy, tokens, meanLength, maxRatioDeviation, clipFraction, gradNorm };
}
