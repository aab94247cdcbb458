import type * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { isFused } from './choice.js';
import { composedRmsNorm } from './composed/rms-norm.js';
import { ADD_RMS_NORM, fusedAddRmsNorm, fusedRmsNorm, RMS_NORM } from './fused/rms-norm.js';
import { sum } from './sum.js';

/**
 * Root-mean-square normalisation (Zhang & Sennrich 2019): `gain · x / sqrt(mean(x²) + epsilon)`, no centring.
 * @param x `[N, d]`
 * @param gain `[d]`
 * @returns `[N, d]`; the caller disposes it
 * @throws BicotError `shape`
 */
export function rmsNorm(x: tf.Tensor2D, gain: tf.Tensor1D, epsilon = 1e-6): tf.Tensor2D {
  assertShape('rmsNorm: gain', gain, [x.shape[1]], '[d]');
  return isFused(RMS_NORM, [x, gain]) ? fusedRmsNorm(x, gain, epsilon) : composedRmsNorm(x, gain, epsilon);
}

/** A residual stream after a branch was added to it. */
export interface NormedStream {
  /** `[N, d]`: the sum. */
  readonly stream: tf.Tensor2D;
  /** `[N, d]`: the sum, normalised: what the next branch reads. */
  readonly normed: tf.Tensor2D;
}

/**
 * `x + branch` and its normalisation, which always come together in a pre-norm transformer, in one pass.
 * @param x `[N, d]`
 * @param branch `[N, d]`
 * @param gain `[d]`
 * @returns the caller disposes both
 * @throws BicotError `shape`
 */
export function addRmsNorm(
  x: tf.Tensor2D,
  branch: tf.Tensor2D,
  gain: tf.Tensor1D,
  epsilon = 1e-6,
): NormedStream {
  assertShape('addRmsNorm: branch', branch, x.shape, '[N, d]');
  assertShape('addRmsNorm: gain', gain, [x.shape[1]], '[d]');
  if (isFused(ADD_RMS_NORM, [x, branch, gain])) return fusedAddRmsNorm(x, branch, gain, epsilon);
  const stream = sum(x, branch);
  return { stream, normed: composedRmsNorm(stream, gain, epsilon) };
}
