import * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { withGradient } from './custom-gradient.js';

/** Added to scores that must not be attended; finite, because `0 · −∞` is NaN. */
export const MASKED_SCORE = -1e9;

/**
 * The causal mask: 0 on and below the diagonal, `MASKED_SCORE` above it.
 * @returns `[T, T]`; the caller disposes it
 */
export function causalMask(length: number): tf.Tensor2D {
  const mask = new Float32Array(length * length);
  for (let t = 0; t < length; t++) mask.fill(MASKED_SCORE, t * length + t + 1, (t + 1) * length);
  return tf.tensor2d(mask, [length, length]);
}

/**
 * Scaled dot-product attention, `softmax(q · kᵀ / √D + mask) · v`, per head, with a closed-form gradient.
 * @param q `[B, H, T, D]`
 * @param k `[B, H, S, D]`
 * @param v `[B, H, S, D]`
 * @param mask added to the scores, broadcastable to `[B, H, T, S]`; a constant
 * @returns `[B, H, T, D]`; the caller disposes it
 * @throws BicotError `shape`
 */
export function attention(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, mask: tf.Tensor): tf.Tensor4D {
  const [batch, heads, , size] = q.shape;
  assertShape('attention: k', k, [batch, heads, null, size], '[B, H, S, D]');
  assertShape('attention: v', v, k.shape, '[B, H, S, D]');
  const scale = 1 / Math.sqrt(size);
  return withGradient<tf.Tensor4D>(
    [q, k, v],
    () => {
      const scores = tf.add(tf.matMul(tf.mul(q, scale), k, false, true), mask); // [B, H, T, S]
      const weights = tf.softmax(scores);
      return { value: tf.matMul(weights, v), saved: [q, k, v, weights] };
    },
    (dy, saved) => {
      const [q, k, v, weights] = saved as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      const dv = tf.matMul(weights, dy, true, false);
      const dWeights = tf.mul(tf.matMul(dy, v, false, true), weights); // already times the weights
      // d scores = w · (dw − Σ dw · w), written with w folded in
      const dScores = tf.mul(tf.sub(dWeights, tf.mul(weights, tf.sum(dWeights, -1, true))), scale);
      return [tf.matMul(dScores, k), tf.matMul(dScores, q, true, false), dv];
    },
  );
}
