import * as tf from '@tensorflow/tfjs';
import { type LoadTensorOptions, loadTensor } from './load-tensor.js';
import type { RowRange, TensorSource } from './source.js';

/** How `loadPieces` loads. */
export interface LoadPiecesOptions extends Pick<LoadTensorOptions, 'transpose'> {
  /** The most bytes of a piece in float32; a row is never cut. */
  readonly maxBytes: number;
}

/** Pieces begin at multiples of so many rows where they have as many: whole lines of caches and of packed matrices. */
const ALIGNED_ROWS = 16;

/**
 * Row ranges of a matrix, in order, as even as alignment lets them be.
 * @param shape of two sizes
 * @param maxBytes of a range in float32, unless a single row has more
 */
export function rowPieces([rows = 0, columns = 0]: readonly number[], maxBytes: number): RowRange[] {
  const fitting = Math.max(1, Math.floor(maxBytes / Math.max(1, 4 * columns)));
  const most = fitting > ALIGNED_ROWS ? fitting - (fitting % ALIGNED_ROWS) : fitting;
  if (rows <= fitting) return [{ begin: 0, end: rows }];
  const even = Math.ceil(rows / Math.ceil(rows / most));
  const size = most > ALIGNED_ROWS ? Math.ceil(even / ALIGNED_ROWS) * ALIGNED_ROWS : even;
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => ({
    begin: i * size,
    end: Math.min(rows, (i + 1) * size),
  }));
}

/**
 * A stored matrix as several tensors, each read by itself, so that none is larger than a device's buffer may be: rows
 * `[nᵢ, columns]` one below the other, or transposed `[columns, nᵢ]` side by side.
 * @returns in order, all of the matrix; the caller disposes them, and nothing is left after an error
 * @throws BicotError as `loadTensor` does
 */
export async function loadPieces(
  source: TensorSource,
  { stored, shape }: { readonly stored: string; readonly shape: readonly number[] },
  { transpose, maxBytes }: LoadPiecesOptions,
): Promise<tf.Tensor2D[]> {
  const pieces: tf.Tensor2D[] = [];
  try {
    for (const rows of rowPieces(shape, maxBytes)) {
      pieces.push((await loadTensor(source, stored, { transpose, rows })) as tf.Tensor2D);
    }
  } catch (error) {
    tf.dispose(pieces);
    throw error;
  }
  return pieces;
}
