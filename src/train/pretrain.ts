import * as tf from '@tensorflow/tfjs';
import { loadKernels } from '../kernels/choice.js';
import { crossEntropy } from '../objective/cross-entropy.js';
import { type Normalizer, tokenWeights } from '../objective/weights.js';
import { completionLogProbs } from '../policy/log-probs.js';
import type { Policy } from '../policy/policy.js';
import { selectTokenRows, type TokenBatch } from '../policy/tokens.js';
import { pickHostRows } from '../tensor/host-rows.js';
import { applyGradients } from './apply.js';
import { gradientAccumulator, lossGradients } from './gradients.js';
import { assertCount, assertFiniteNumber } from './guards.js';
import { type MicroBatch, microBatches } from './micro-batch.js';
import type { Optimizer } from './optimizer.js';

/** Completions to imitate, in one token space. */
export interface PretrainBatch<C> {
  /** `[N]`. */
  readonly contexts: readonly C[];
  /** `[N, T]`. */
  readonly completion: TokenBatch;
  /** A key of `policy.spaces`. */
  readonly space: string;
  /** How much the batch counts next to the others. Default 1. */
  readonly weight?: number;
}

/** Options of `pretrainStep`. */
export interface PretrainOptions {
  /** Gradients are scaled down to this global norm. Default 1. */
  readonly maxGradNorm?: number;
  /** Rows per backward pass: memory, not results. Default 16. */
  readonly microBatch?: number;
  /** Default `token-mean`. */
  readonly normalizer?: Normalizer;
}

/** What a supervised step did. */
export interface PretrainResult {
  /** Σ weight · loss over the batches, before the update. */
  readonly loss: number;
  /** Of each batch, unweighted: with `token-mean`, nats per token. */
  readonly losses: readonly number[];
  /** Before clipping. */
  readonly gradNorm: number;
}

/**
 * One supervised step: cross-entropy of the completions, on any policy. A unified model's spaces are trained
 * together by passing a batch for each.
 * @throws BicotError `non-finite`, with the weights unchanged; `value`, `shape`, `token-range`
 */
export async function pretrainStep<C>(
  policy: Policy<C>,
  batches: readonly PretrainBatch<C>[],
  optimizer: Optimizer,
  learningRate: number,
  options: PretrainOptions = {},
): Promise<PretrainResult> {
  const { maxGradNorm = 1, microBatch = 16, normalizer = 'token-mean' } = options;
  assertCount('pretrainStep', 'microBatch', microBatch, 1);
  await loadKernels();
  const where = `pretrainStep ${optimizer.step}`;
  const sum = gradientAccumulator();
  const losses: number[] = [];
  let loss = 0;
  try {
    for (const batch of batches) {
      const { weight = 1, completion } = batch;
      const [weights] = tokenWeights([{ ...completion, weight, normalizer }]);
      let weighted = 0;
      for (const part of microBatches(completion.lengths, microBatch)) {
        const pass = lossGradients(
          () => batchLoss(policy, batch, weights as Float32Array, part),
          policy.variables,
        );
        sum.add(pass.gradients);
        weighted += (await pass.loss.data())[0] as number;
        pass.loss.dispose();
      }
      assertFiniteNumber(where, `the loss in space '${batch.space}'`, weighted);
      losses.push(weight === 0 ? 0 : weighted / weight);
      loss += weighted;
    }
    const gradNorm = await applyGradients(policy.variables, sum.total(), {
      optimizer,
      learningRate,
      maxGradNorm,
      where,
    });
    return { loss, losses, gradNorm };
  } finally {
    sum.dispose();
  }
}

/** The part of a batch's loss that some rows make. */
function batchLoss<C>(
  policy: Policy<C>,
  { contexts, completion, space }: PretrainBatch<C>,
  weights: Float32Array,
  { rows, width }: MicroBatch,
): tf.Scalar {
  const part = {
    contexts: rows.map((row) => contexts[row] as C),
    completion: selectTokenRows(completion, rows, width),
    space,
  };
  const ofPart = pickHostRows(weights, completion.width, rows, width);
  return crossEntropy(completionLogProbs(policy, part), tf.tensor2d(ofPart, [rows.length, width]));
}
