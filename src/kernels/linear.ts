import type * as tf from '@tensorflow/tfjs';
import { assertLength, assertShape } from '../tensor/shape.js';
import { isFused } from './choice.js';
import { composedLinear } from './composed/linear.js';
import { frozenLinear } from './frozen-linear.js';
import { fusedLinear, fusedProjections, LINEAR, PROJECTIONS } from './fused/linear.js';
import { unreadLinear } from './unread-linear.js';

/** More about `linear`. */
export interface LinearOptions {
  /** The weight gets no gradient, and what only that would need is neither kept nor computed. Default false. */
  readonly frozen?: boolean;
  /** Only gradients are wanted: the result is zeros and costs nothing. Default false. */
  readonly unread?: boolean;
}

/** More about `projections`. */
export interface ProjectionsOptions {
  /** Which weights get no gradient, one flag a weight; default none of them. */
  readonly frozen?: readonly boolean[];
}

/**
 * `x · w`.
 * @param x `[N, in]`
 * @param w `[in, out]`
 * @returns `[N, out]`; the caller disposes it
 * @throws BicotError `shape`
 */
export function linear(
  x: tf.Tensor2D,
  w: tf.Tensor2D,
  { frozen = false, unread = false }: LinearOptions = {},
): tf.Tensor2D {
  assertShape('linear: weight', w, [x.shape[1], null], '[in, out]');
  if (unread) return unreadLinear(x, w, frozen);
  if (frozen) return frozenLinear(x, w);
  return isFused(LINEAR, [x, w]) ? fusedLinear(x, w) : composedLinear(x, w);
}

/**
 * `x · w` for several weights, as queries, keys and values are made: the gradient of x is summed in place.
 * @param x `[N, in]`
 * @param weights `[in, outᵢ]` each
 * @returns `[N, outᵢ]` each; the caller disposes them
 * @throws BicotError `shape`
 */
export function projections(
  x: tf.Tensor2D,
  weights: readonly tf.Tensor2D[],
  { frozen }: ProjectionsOptions = {},
): tf.Tensor2D[] {
  weights.forEach((w, i) => void assertShape(`projections: weight ${i}`, w, [x.shape[1], null], '[in, out]'));
  if (frozen) assertLength('projections: frozen', frozen, weights.length, 'one a weight');
  // The tape asks the fused kernel for no gradient of a weight that is on no path from a variable.
  return isFused(PROJECTIONS, [x, ...weights])
    ? fusedProjections(x, weights)
    : weights.map((w, i) => (frozen?.[i] ? frozenLinear(x, w) : composedLinear(x, w)));
}
