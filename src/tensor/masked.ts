import * as tf from '@tensorflow/tfjs';
import { assertShape } from './shape.js';

/**
 * Replaces masked entries by 0. Unlike a product with the mask this is safe for infinities
 * (`0 · −∞` is NaN), in the value and in the gradient.
 * @param values any shape
 * @param mask same shape, not 0 where valid (weights do); a constant
 * @returns same shape; the caller disposes it
 * @throws BicotError `shape`
 */
export function maskedFill<T extends tf.Tensor>(values: T, mask: T): T {
  assertShape('maskedFill: mask', mask, values.shape);
  // notEqual and not a cast to bool: on wasm the cast truncates, so that 0.06 would become false.
  return tf.tidy(() => tf.where(tf.notEqual(mask, 0), values, tf.zerosLike(mask))) as T;
}

/** Sum of the valid entries. Scalar; the caller disposes it. */
export function maskedSum(values: tf.Tensor, mask: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.sum(maskedFill(values, mask))) as tf.Scalar;
}

/** Mean of the valid entries; 0 if there are none. Scalar; the caller disposes it. */
export function maskedMean(values: tf.Tensor, mask: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.div(maskedSum(values, mask), tf.maximum(tf.sum(mask), 1))) as tf.Scalar;
}
