import * as tf from '@tensorflow/tfjs';

/**
 * `min(max(x, low), high)`. NaN stays NaN on every backend and the gradient is 1 from `low` to `high`, both included, where
 * `tf.clipByValue` makes NaN a number on wasm and has no gradient at all if `low` is `high`.
 * @returns same shape; the caller disposes it
 */
export function clamp<T extends tf.Tensor>(x: T, low: number, high: number): T {
  return tf.tidy(() => tf.minimum(tf.maximum(x, low), high)) as T;
}
