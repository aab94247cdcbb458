import * as tf from '@tensorflow/tfjs';
import { isFused } from '../../kernels/choice.js';
import { PACKED_LINEAR } from '../../kernels/fused/packed-linear.js';
import { type PackedLinear, packLinear } from '../../kernels/packed-linear.js';
import { type Adapter, activeAdapter, correction, type Matrix, mergedWeight, weightOf } from './matrix.js';

/**
 * `packLinear` of matrices that may have adapters. Where there is a fused kernel, what is packed is the matrix with its
 * adapter added; elsewhere products are corrected, and there is no second copy of the matrix. Adapters count if they are on
 * now: turning them off later changes nothing, on any backend. What A and B become later may or may not be seen, as with
 * weights.
 * @param matrices `[in, outᵢ]` each; stay the caller's
 * @returns the caller disposes it
 */
export function packMatrices(matrices: readonly Matrix[]): PackedLinear {
  const weights = matrices.map(weightOf);
  const adapters = matrices.map(activeAdapter);
  if (adapters.every((adapter) => adapter === undefined)) return packLinear(weights);
  if (!isFused(PACKED_LINEAR, weights)) return correctedLinear(weights, adapters);
  const merged = weights.map((weight, i) => {
    const adapter = adapters[i];
    return adapter ? mergedWeight({ weight, adapter }) : weight;
  });
  const packed = packLinear(merged);
  tf.dispose(merged.filter((_, i) => adapters[i]));
  return packed;
}

/**
 * `packLinear` of the pieces of one matrix, each by itself: a kernel that reads all of them at once might see more buffers
 * than a device allows.
 * @param pieces column ranges `[in, outᵢ]`, in order; stay the caller's
 * @returns the caller disposes it
 */
export function packPieces(pieces: readonly tf.Tensor2D[]): PackedLinear {
  const parts = pieces.map((piece) => packLinear([piece]));
  const [only, ...others] = parts;
  if (only && others.length === 0) return only;
  return {
    multiply: (x) => parts.flatMap((part) => part.multiply(x)),
    panels: parts.flatMap(({ panels }) => panels),
    columns: parts.flatMap(({ columns }) => columns),
    dispose() {
      for (const part of parts) part.dispose();
    },
  };
}

function correctedLinear(
  weights: readonly tf.Tensor2D[],
  adapters: readonly (Adapter | undefined)[],
): PackedLinear {
  const plain = packLinear(weights);
  return {
    ...plain,
    multiply: (x) =>
      tf.tidy(() =>
        plain.multiply(x).map((product, i) => {
          const adapter = adapters[i];
          return adapter ? tf.add(product, correction(x, adapter)) : product;
        }),
      ),
  };
}
