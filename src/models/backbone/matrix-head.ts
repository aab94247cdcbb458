import * as tf from '@tensorflow/tfjs';
import { headLogProbs } from '../../kernels/head-log-probs.js';
import type { Head } from './decoder.js';
import { multiply } from './matrix.js';
import { packPieces } from './packed.js';

/** A head that can also score tokens without holding the logits of all positions. */
export interface ScoringHead extends Head {
  /**
   * Log-probs of one token per row, with gradients into `normed` and into the head's variables.
   * @param normed `[M, d]`, after the final norm
   * @param targets `[M]`
   * @returns `[M]`; the caller disposes it
   */
  logProbs(normed: tf.Tensor2D, targets: Int32Array, temperature: number): tf.Tensor1D;
}

/**
 * The head of one matrix `[d, V]`, which may be in pieces where a device has no buffer for the whole. Logits are the same
 * bits however it is cut, wherever the backend's products do not depend on the width.
 * @param pieces column ranges of it, in order; stay the caller's
 */
export function matrixHead(pieces: readonly tf.Tensor2D[]): ScoringHead {
  return {
    logits: (normed) =>
      pieces.length === 1
        ? (multiply(normed, pieces)[0] as tf.Tensor2D)
        : tf.tidy(() => tf.concat(multiply(normed, pieces), 1)),
    logProbs: (normed, targets, temperature) =>
      headLogProbs(normed, { weights: pieces }, targets, { temperature }),
    pack: () => packPieces(pieces),
  };
}
