import * as tf from '@tensorflow/tfjs';
import type { TransformerConfig } from 'bicot/models';
import type { Problem, ProblemLevel } from '../problem.js';
import { joinRows, padRows, predictedAt } from './batch.js';
import { anglesOf, causalMask, embed, head, layer, type Weights } from './model.js';

/** Rows of a level. */
export type Rows = Pick<ProblemLevel, 'space' | 'contexts' | 'tokens' | 'sampling'>;

/** Logits at every completion token, `[N·T, V]`. */
function completionLogits(
  config: TransformerConfig,
  weights: Weights,
  contexts: Rows['contexts'],
  tokens: Rows['tokens'],
  image: boolean,
): tf.Tensor2D {
  const batch = joinRows(config, contexts, tokens, image);
  const order = Array.from({ length: batch.length }, (_, p) => p);
  const [angles, mask] = [anglesOf(order, config), causalMask(batch.length)];
  let x = embed(weights, batch.ids, batch.imagePositions); // [N·S, d]
  for (let i = 0; i < config.layers; i++) x = layer(config, weights, i, x, batch.rows, angles, mask).x;
  const picked = tf.gather(x, tf.tensor1d(predictedAt(contexts, tokens, batch.length), 'int32'));
  return head(config, weights, picked, image);
}

/** The context without its condition: what is left are the special tokens. */
export const unconditional = (config: TransformerConfig) => (context: readonly number[]) =>
  context.filter((id) => id < config.specialTokens);

/** Log-probs of the tokens of some rows under the distribution that they were sampled from, `[N, T]`. */
export function logProbs(config: TransformerConfig, weights: Weights, rows: Rows): tf.Tensor2D {
  const { contexts, tokens, space, sampling } = rows;
  const image = space === 'image';
  let logits = completionLogits(config, weights, contexts, tokens, image);
  if (sampling.guidance !== 1) {
    const without = completionLogits(config, weights, contexts.map(unconditional(config)), tokens, image);
    logits = tf.add(without, tf.mul(tf.sub(logits, without), sampling.guidance));
  }
  logits = tf.div(logits, sampling.temperature);
  const targets = tf.tensor1d(padRows(tokens), 'int32');
  return tf.reshape(targetLogProbs(logits, targets), [tokens.length, -1]);
}

/** Log-probs of one token a row, `[M]`, by a one-hot product. */
export function targetLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  return tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(targets, logits.shape[1])), -1);
}

/** What a level's loss needs of some rows, beside the policy. */
export interface LossRows extends Rows {
  /** `[N]`. */
  readonly advantages: readonly number[];
  /** `[N][T]`. */
  readonly oldLogProbs: readonly (readonly number[])[];
  /** `[N][T]`; needed where the KL has a weight. */
  readonly referenceLogProbs?: readonly (readonly number[])[];
}

/** Σ over tokens of `−min(r·A, clip(r)·A) + β·k3`, divided by the tokens of the whole level. */
export function grpoLoss(
  { config, clip, klWeight }: Pick<Problem, 'config' | 'clip' | 'klWeight'>,
  weights: Weights,
  rows: LossRows,
  tokenCount: number,
): tf.Scalar {
  const shape: [number, number] = [rows.tokens.length, Math.max(...rows.tokens.map((row) => row.length))];
  const mask = tf.tensor(padRows(rows.tokens.map((row) => row.map(() => 1))), shape);
  const own = logProbs(config, weights, rows);
  const old = tf.tensor(padRows(rows.oldLogProbs), shape);
  const advantages = tf.tensor2d([...rows.advantages], [shape[0], 1]);
  const ratio = tf.exp(tf.mul(tf.sub(own, old), mask));
  const clipped = tf.clipByValue(ratio, 1 - clip, 1 + clip);
  let losses = tf.neg(tf.minimum(tf.mul(ratio, advantages), tf.mul(clipped, advantages)));
  if (klWeight > 0 && rows.referenceLogProbs) {
    const gap = tf.mul(tf.sub(tf.tensor(padRows(rows.referenceLogProbs), shape), own), mask);
    losses = tf.add(losses, tf.mul(klWeight, tf.sub(tf.sub(tf.exp(gap), gap), 1)));
  }
  return tf.div(tf.sum(tf.mul(losses, mask)), tokenCount);
}
