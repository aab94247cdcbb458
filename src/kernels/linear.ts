import type * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { isFused } from './choice.js';
import { composedLinear } from './composed/linear.js';
import { fusedLinear, fusedProjections, LINEAR, PROJECTIONS } from './fused/linear.js';

/**
 * `x · w`.
 * @param x `[N, in]`
 * @param w `[in, out]`
 * @returns `[N, out]`; the caller disposes it
 */
export function linear(x: tf.Tensor2D, w: tf.Tensor2D): tf.Tensor2D {
  assertShape('linear: weight', w, [x.shape[1], null], '[in, out]');
  return isFused(LINEAR, [x, w]) ? fusedLinear(x, w) : composedLinear(x, w);
}

/**
 * `x · w` for several weights, as queries, keys and values are made: the gradient of x is summed in place.
 * @param x `[N, in]`
 * @param weights `[in, outᵢ]` each
 * @returns `[N, outᵢ]` each; the caller disposes them
 */
export function projections(x: tf.Tensor2D, weights: readonly tf.Tensor2D[]): tf.Tensor2D[] {
  weights.forEach((w, i) => void assertShape(`projections: weight ${i}`, w, [x.shape[1], null], '[in, out]'));
  return isFused(PROJECTIONS, [x, ...weights])
    ? fusedProjections(x, weights)
    : weights.map((w) => composedLinear(x, w));
}
