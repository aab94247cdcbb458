import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Input w; output the matrix in the order that products read it. */
export const PACK_MATRIX = 'BicotPackMatrix';
/** Inputs x, p0, p1, …; attributes columns0, columns1, …; outputs `[x · w0, x · w1, …]`. */
export const PACKED_LINEAR = 'BicotPackedLinear';

export function fusedPackMatrix(w: tf.Tensor2D): tf.Tensor {
  return runKernel<tf.Tensor>(PACK_MATRIX, { w });
}

export function fusedPackedLinear(
  x: tf.Tensor2D,
  packed: Readonly<Record<string, tf.Tensor>>,
  columns: Readonly<Record<string, number>>,
): tf.Tensor2D[] {
  return runKernel<tf.Tensor2D[]>(PACKED_LINEAR, { x, ...packed }, columns);
}
