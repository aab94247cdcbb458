import type * as tf from '@tensorflow/tfjs';
import { isFused } from './choice.js';
import {
  timesTransposed as composedTimesTransposed,
  transposedTimes as composedTransposedTimes,
} from './composed/products.js';
import { fusedProduct, LINEAR } from './fused/linear.js';

// The products of a backward pass that a gradient spells out for itself; they are not recorded for gradients of their own.

/**
 * `a · bᵀ`.
 * @param a `[n, k]`
 * @param b `[m, k]`
 * @returns `[n, m]`; the caller disposes it
 */
export function timesTransposed(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return isFused(LINEAR, [a, b]) ? fusedProduct(a, b, false, true) : composedTimesTransposed(a, b);
}

/**
 * `aᵀ · b`.
 * @param a `[k, n]`
 * @param b `[k, m]`
 * @returns `[n, m]`; the caller disposes it
 */
export function transposedTimes(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return isFused(LINEAR, [a, b]) ? fusedProduct(a, b, true, false) : composedTransposedTimes(a, b);
}
