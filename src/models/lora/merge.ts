import type * as tf from '@tensorflow/tfjs';
import { transposed } from '../../tensor/transposed.js';
import { type AdaptedMatrix, mergedWeight } from '../backbone/matrix.js';
import type { LoraAdapters } from './adapters.js';

/**
 * Each adapted matrix with its adapter added, `[path, W + scale · A · B]`, whether adapters are on or off. One is made when
 * it is asked for, so that there need never be a second copy of the model.
 * @returns `[in, out]` each; the caller disposes each
 */
export function* mergeAdapters(adapters: LoraAdapters): Generator<[path: string, merged: tf.Tensor2D], void> {
  for (const [path, matrix] of adapters.adapted) yield [path, mergedWeight(matrix)];
}

/** A matrix with its adapter added, on the host and as PyTorch stores it: `[out, in]`, row by row. */
export async function mergedValues(matrix: AdaptedMatrix): Promise<Float32Array> {
  const merged = mergedWeight(matrix);
  try {
    return await torchValues(merged);
  } finally {
    merged.dispose();
  }
}

/** A matrix on the host as PyTorch stores it: transposed. */
export async function torchValues(matrix: tf.Tensor2D): Promise<Float32Array> {
  return transposed(await matrix.data(), ...matrix.shape);
}
