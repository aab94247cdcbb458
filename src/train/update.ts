import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { levelLoss } from '../objective/loss.js';
import type { CompletionScores } from '../policy/log-probs.js';
import type { Policy } from '../policy/policy.js';
import { levelLogProbs, levelScores, type RowRange } from '../rollout/level-log-probs.js';
import { repeatHostRows, repeatRows } from '../tensor/repeat-rows.js';
import { type ApplyOptions, applyGradients } from './apply.js';
import { type GradientAccumulator, globalNorm, gradientAccumulator, lossGradients } from './gradients.js';
import { assertFiniteNumber, assertNoNaN, throwIfAborted } from './guards.js';
import type { LevelBatch } from './levels.js';
import { rowRanges } from './micro-batch.js';
import { policyLogProbs } from './score.js';

/** How one update is made. */
export interface UpdateOptions extends ApplyOptions {
  /** Samples per backward pass. The gradient does not depend on it (up to the order of sums), memory does. */
  readonly microBatch: number;
  /** The most that `|ratio − 1|` may be before the update. Default: any. */
  readonly ratioTolerance?: number;
  readonly signal?: AbortSignal;
  /** Called after each backward pass. */
  readonly onProgress?: (progress: UpdateProgress) => void;
}

type Settings = UpdateOptions & Required<Pick<UpdateOptions, 'where'>>;

/** How far an update has come. */
export interface UpdateProgress {
  readonly level: string;
  /** Samples of the level that are done. */
  readonly samples: number;
  /** N. */
  readonly total: number;
}

/** What an update did. */
export interface UpdateResult {
  /** Of the weights before the update. 0 if nothing was trained. */
  readonly loss: number;
  /** Before clipping. 0 if nothing was trained. */
  readonly gradNorm: number;
  /** Of each trained level's own gradient, before clipping. */
  readonly gradNorms: Readonly<Record<string, number>>;
  /** `[R · T]` per level, before the update; absent for levels of another policy. */
  readonly logProbs: Readonly<Record<string, Float32Array>>;
}

/**
 * One optimiser step on a rollout. The loss is a sum over tokens whose weights are known before any backward
 * pass, so gradients are added up micro-batch by micro-batch and level by level, and equal those of the whole
 * batch, at the memory of one micro-batch. Levels that are not trained are only scored, for the metrics; if none
 * is, no weight changes and the optimiser is not called.
 * @throws BicotError `non-finite`, `aborted` or `value` (`ratioTolerance`), with the weights unchanged
 */
export async function updatePolicy<C>(
  policy: Policy<C>,
  levels: readonly LevelBatch<C>[],
  updateOptions: UpdateOptions,
): Promise<UpdateResult> {
  const options: Settings = { ...updateOptions, where: updateOptions.where ?? 'updatePolicy' };
  const sum = gradientAccumulator();
  const own = gradientAccumulator();
  const logProbs: Record<string, Float32Array> = {};
  const gradNorms: Record<string, number> = {};
  let loss = 0;
  let gradNorm = 0;
  try {
    for (const batch of levels) {
      if (batch.trained) {
        const pass = await levelGradients(policy, batch, own, options);
        gradNorms[batch.level.name] = await globalNorm(own.total());
        sum.add(own.take());
        logProbs[batch.level.name] = pass.logProbs;
        loss += pass.loss;
      } else if (batch.own) {
        logProbs[batch.level.name] = await policyLogProbs(batch.level, options);
      }
    }
    throwIfAborted(options.where, options.signal);
    assertOnPolicy(levels, logProbs, options);
    if (levels.some(({ trained }) => trained)) {
      gradNorm = await applyGradients(policy.variables, sum.total(), options);
    }
  } finally {
    own.dispose();
    sum.dispose();
  }
  return { loss, gradNorm, gradNorms, logProbs };
}

/**
 * What was sampled is what is trained.
 * @throws BicotError `value` naming the level
 */
function assertOnPolicy<C>(
  levels: readonly LevelBatch<C>[],
  logProbs: UpdateResult['logProbs'],
  { where, ratioTolerance = Number.POSITIVE_INFINITY }: Settings,
): void {
  for (const { level, oldLogProbs } of levels) {
    const own = logProbs[level.name];
    if (!own || !oldLogProbs) continue;
    const deviation = own.reduce(
      (most, value, i) => Math.max(most, Math.abs(Math.exp(value - (oldLogProbs[i] as number)) - 1)),
      0,
    );
    if (deviation > ratioTolerance) {
      throw new BicotError(
        'value',
        `${where}: at level '${level.name}' the policy's probabilities differ from those it was sampled with by up to a factor of 1 ± ${deviation.toPrecision(3)} before any update (tolerance ${ratioTolerance}). The decoding session and logits() of the policy disagree: run checkPolicy on it. If an older policy made the rollout on purpose, set ratioTolerance to Infinity.`,
      );
    }
  }
}

/** Adds one level's gradients to the sum. */
async function levelGradients<C>(
  policy: Policy<C>,
  batch: LevelBatch<C>,
  sum: GradientAccumulator,
  options: Settings,
): Promise<{ loss: number; logProbs: Float32Array }> {
  const { completion, samplesPerRow, name } = batch.level;
  const { rows, width } = completion;
  const logProbs = new Float32Array(rows * width);
  let loss = 0;
  for (const range of rowRanges(rows, options.microBatch / samplesPerRow)) {
    throwIfAborted(options.where, options.signal);
    const pass = await microBatchGradients(policy, batch, range, sum);
    assertNoNaN(options.where, 'the policy', name, pass.logProbs);
    assertFiniteNumber(options.where, `the loss of level '${name}'`, pass.loss);
    logProbs.set(pass.logProbs, range.begin * width);
    loss += pass.loss;
    options.onProgress?.({ level: name, samples: range.end * samplesPerRow, total: rows * samplesPerRow });
  }
  return { loss, logProbs };
}

/** Forward and backward of some rows. */
async function microBatchGradients<C>(
  policy: Policy<C>,
  batch: LevelBatch<C>,
  range: RowRange,
  sum: GradientAccumulator,
): Promise<{ loss: number; logProbs: ArrayLike<number> }> {
  let scored: tf.Tensor2D | undefined;
  let loss: tf.Scalar | undefined;
  try {
    const pass = lossGradients(() => {
      // The forward's values are wanted for the metrics, and as the old log-probs of a second update.
      const wantsEntropy = (batch.loss.entropyWeight ?? 0) > 0;
      const scores: Scores = wantsEntropy
        ? levelScores(batch.level, range)
        : { logProbs: levelLogProbs(batch.level, range) }; // [R of the range, T]
      scored = tf.keep(scores.logProbs);
      return microBatchLoss(batch, range, scores);
    }, policy.variables);
    loss = pass.loss;
    sum.add(pass.gradients);
    const [lossValues, logProbs] = await Promise.all([loss.data(), (scored as tf.Tensor2D).data()]);
    return { loss: lossValues[0] as number, logProbs };
  } finally {
    tf.dispose([scored, loss].filter((tensor) => tensor !== undefined));
  }
}

type Scores = Pick<CompletionScores, 'logProbs'> & Partial<CompletionScores>;

/** The part of the level's loss that some rows make: differentiable in the scores, which are of those rows. */
function microBatchLoss<C>(
  batch: LevelBatch<C>,
  { begin, end }: RowRange,
  { logProbs, entropy }: Scores,
): tf.Scalar {
  const { completion, samplesPerRow, behaviourLogProbs } = batch.level;
  const { width } = completion;
  const first = begin * samplesPerRow;
  const last = end * samplesPerRow;
  const shape: [number, number] = [last - first, width]; // [N of the range, T]
  /** Rows on the host to samples on the device. */
  const constant = (values: Float32Array | undefined): tf.Tensor2D | undefined =>
    values &&
    tf.tensor2d(repeatHostRows(values.subarray(begin * width, end * width), width, samplesPerRow), shape);
  /** Of samples already. */
  const perSample = (values: Float32Array | undefined): tf.Tensor2D | undefined =>
    values && tf.tensor2d(values.subarray(first * width, last * width), shape);
  const { importance, offPolicyThreshold } = batch.loss;
  const offPolicy = Boolean(importance) || typeof offPolicyThreshold === 'number';
  return levelLoss(
    {
      logProbs: repeatRows(logProbs, samplesPerRow),
      entropy: entropy && repeatRows(entropy, samplesPerRow),
      oldLogProbs: constant(batch.oldLogProbs),
      behaviourLogProbs: offPolicy ? constant(behaviourLogProbs) : undefined,
      referenceLogProbs: constant(batch.referenceLogProbs),
      advantages: tf.tensor1d(batch.advantages.subarray(first, last)),
      weights: perSample(batch.weights) as tf.Tensor2D,
      policyFactor: perSample(batch.policyFactor),
      klWeights: perSample(batch.klWeights),
      entropyWeights: perSample(batch.entropyWeights),
    },
    batch.loss,
  );
}
