import * as tf from '@tensorflow/tfjs';
import { isFused } from './choice.js';
import { fusedPackedLinear, fusedPackMatrix, PACKED_LINEAR } from './fused/packed-linear.js';

/** Matrices that many inputs are multiplied by while they stay as they are. */
export interface PackedLinear {
  /**
   * `x · w` for each of the weights, without gradients.
   * @param x `[N, in]`
   * @returns `[N, outᵢ]` each; the caller disposes them
   */
  multiply(x: tf.Tensor2D): tf.Tensor2D[];
  /** Of the weights as a fused kernel reads them, of any shape; empty without one. Owned by this. */
  readonly panels: readonly tf.Tensor[];
  /** Of each of the weights. */
  readonly columns: readonly number[];
  /** Frees what was packed. */
  dispose(): void;
}

/**
 * Prepares `projections` of the same weights for many calls, as decoding makes them token by token: rows of a matrix
 * are put in the order that products read them. Weights that change afterwards may or may not be seen.
 * @param weights `[in, outᵢ]` each; stay the caller's
 * @returns the caller disposes it
 */
export function packLinear(weights: readonly tf.Tensor2D[]): PackedLinear {
  const columns = weights.map((w) => w.shape[1]);
  if (!isFused(PACKED_LINEAR, weights)) {
    return { multiply: (x) => weights.map((w) => tf.matMul(x, w)), panels: [], columns, dispose() {} };
  }
  const packed = Object.fromEntries(weights.map((w, i) => [`p${i}`, tf.keep(fusedPackMatrix(w))]));
  const attributes = Object.fromEntries(columns.map((count, i) => [`columns${i}`, count]));
  return {
    multiply: (x) => fusedPackedLinear(x, packed, attributes),
    panels: Object.values(packed),
    columns,
    dispose: () => tf.dispose(packed),
  };
}
