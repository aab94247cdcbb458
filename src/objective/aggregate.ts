import * as tf from '@tensorflow/tfjs';
import { maskedFill } from '../tensor/masked.js';
import { assertFloat, assertShape } from '../tensor/shape.js';

/**
 * One number out of per-token losses: `Σ_it w_it · l_it`, with the weights of `tokenWeights`, which hold the
 * normaliser. Entries of weight 0 contribute exactly 0, whatever they are.
 * @param losses `[N, T]`, differentiable
 * @param weights `[N, T]`: from `tokenWeights`, 0 on padding; a constant
 * @returns scalar; the caller disposes it
 * @throws BicotError `shape`
 */
export function aggregate(losses: tf.Tensor2D, weights: tf.Tensor2D): tf.Scalar {
  assertShape('aggregate: losses', losses, [null, null], '[N, T]');
  assertShape('aggregate: weights', weights, losses.shape, '[N, T]');
  assertFloat('aggregate', { losses, weights });
  return tf.tidy(() => tf.sum(tf.mul(weights, maskedFill(losses, weights))) as tf.Scalar);
}
