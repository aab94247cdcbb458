import * as tf from '@tensorflow/tfjs';
import { backendTraits } from '../../backends/traits.js';

// Where a product that reads transposed is slow, the matrix is transposed first. Elsewhere a copy of a large one is memory
// that need not be spent.

const flipped = (x: tf.Tensor2D): tf.Tensor2D => tf.transpose(x);

/**
 * `a · bᵀ`, as the gradient of a product's left side is.
 * @param a `[n, k]`
 * @param b `[m, k]`
 * @returns `[n, m]`; the caller disposes it
 */
export function timesTransposed(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (!backendTraits().transposesFirst) return tf.matMul(a, b, false, true);
  const [[n, k], m] = [a.shape, b.shape[0]];
  // Of few rows with a large matrix, (b · aᵀ)ᵀ copies the rows and not the matrix.
  const copiesRows = n * (k + m) < m * k;
  return tf.tidy(() => (copiesRows ? flipped(tf.matMul(b, flipped(a))) : tf.matMul(a, flipped(b))));
}

/**
 * `aᵀ · b`, as the gradient of a product's right side is.
 * @param a `[k, n]`
 * @param b `[k, m]`
 * @returns `[n, m]`; the caller disposes it
 */
export function transposedTimes(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (!backendTraits().transposesFirst) return tf.matMul(a, b, true, false);
  return tf.tidy(() => tf.matMul(flipped(a), b));
}
