import * as tf from '@tensorflow/tfjs';

/**
 * Puts 0 wherever the weight is 0, before anything non-linear sees the value: padding may hold −∞ or NaN, and
 * `0 · −∞` is NaN, in the value and in the gradient.
 * @param values `[N, T]`, differentiable
 * @param weights `[N, T]`, a constant
 * @returns `[N, T]`; the caller disposes it
 */
export function zeroWhereUnweighted(values: tf.Tensor2D, weights: tf.Tensor2D): tf.Tensor2D {
  // notEqual and not a cast to bool: on wasm the cast truncates, so that 0.06 would become false.
  return tf.tidy(() => tf.where(tf.notEqual(weights, 0), values, tf.zerosLike(weights)));
}
