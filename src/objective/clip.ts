import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { assertKnownOptions } from '../options.js';
import { clamp } from '../tensor/clamp.js';
import { assertFloat, assertLength, assertShape } from '../tensor/shape.js';

/**
 * How far the policy may move from the one that sampled before a token stops pulling: the ratio is clipped to
 * `[1 − low, 1 + high]` (PPO; a larger `high` is DAPO's clip-higher).
 */
export interface ClipRange {
  /** ε below 1. */
  readonly low: number;
  /** ε above 1. */
  readonly high: number;
  /**
   * Caps the ratio of the unclipped term, which nothing else bounds when the advantage is negative (TRL's `delta`,
   * INTELLECT-2's two-sided clip; dual clip). Above 0, and usually above `1 + high`: with a lower one, tokens of
   * positive advantage stop pulling at `delta` already, and those of negative advantage at `1 + high`.
   */
  readonly delta?: number;
}

/**
 * Throws unless a clip range makes sense.
 * @throws BicotError `value`
 */
export function checkClipRange(what: string, clip: ClipRange): void {
  assertKnownOptions(`${what}: clip`, clip, ['low', 'high', 'delta']);
  const { low, high, delta = 1 } = clip;
  const numbers = [low, high, delta].every(Number.isFinite);
  if (!(numbers && low >= 0 && low <= 1 && high >= 0 && delta > 0)) {
    throw new BicotError(
      'value',
      `${what}: clip is ${JSON.stringify(clip)}, but needs 0 ≤ low ≤ 1, high ≥ 0 and delta > 0; the usual one is { low: 0.2, high: 0.2 }.`,
    );
  }
}

/**
 * What PPO maximises for each token (arXiv 1707.06347, eq. 7; with δ, arXiv 2505.07291):
 *
 *     min( min(r_it, δ)·A_i, clip(r_it, 1 − low, 1 + high)·A_i )
 *
 * without δ, `min(r, δ)` is r. Its negative is the loss. With δ > 1 + high this is dual clip (arXiv 1912.09729).
 * @param ratio `[N, T]`, differentiable
 * @param advantages `[N]` or `[N, 1]`
 * @returns `[N, T]`; the caller disposes it
 * @throws BicotError `value` for a range that makes no sense, `shape`
 */
export function clip(ratio: tf.Tensor2D, advantages: tf.Tensor, range: ClipRange): tf.Tensor2D {
  checkClipRange('clip', range);
  assertShape('clip: ratio', ratio, [null, null], '[N, T]');
  assertFloat('clip', { ratio, advantages });
  assertLength('clip: advantages', { length: advantages.size }, ratio.shape[0], 'N');
  return tf.tidy(() => {
    const column = tf.reshape(advantages, [-1, 1]); // [N, 1]
    const capped = range.delta === undefined ? ratio : tf.minimum(ratio, range.delta);
    const clipped = clamp(ratio, 1 - range.low, 1 + range.high);
    // At a tie (any r inside the range) tf.minimum gives the whole gradient to its first argument. The unclipped term
    // comes first, so that no backend's idea of the gradient at the ends of the range matters.
    return tf.minimum(tf.mul(capped, column), tf.mul(clipped, column)) as tf.Tensor2D;
  });
}

/** Whether the clipped objective is flat in the ratio, so that the token pulls no more. */
export function isClipped(ratio: number, advantage: number, { low, high, delta }: ClipRange): boolean {
  if (advantage > 0) return ratio > Math.min(1 + high, delta ?? Number.POSITIVE_INFINITY);
  if (advantage < 0) {
    return ratio < 1 - low || (delta !== undefined && ratio > Math.max(delta, 1 + high));
  }
  return false;
}
