import * as tf from '@tensorflow/tfjs';
import { aggregate } from './aggregate.js';

/**
 * Negative log-likelihood of the tokens, for supervised pre-training:
 *
 *     loss = −Σ_it w_it · log p_it
 *
 * Entries of weight 0 contribute exactly 0 to the value and the gradient, whatever their log-probs.
 * @param logProbs `[N, T]`, differentiable
 * @param weights `[N, T]`: from `tokenWeights`, 0 on padding; a constant
 * @returns scalar; the caller disposes it
 * @throws BicotError `shape`
 */
export function crossEntropy(logProbs: tf.Tensor2D, weights: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => tf.neg(aggregate(logProbs, weights)));
}
