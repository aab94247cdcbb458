import type { TokenBatch } from '../../policy/tokens.js';

/**
 * Where each completion token is predicted, as flat indexes into `[rows · S]`: `[rows · T]`. Padding points at
 * the row's last context token, a position that always exists.
 * @param contextLengths `[N]`
 * @param length S, what the sequences are padded to
 */
export function predictionPositions(
  contextLengths: ArrayLike<number>,
  completion: TokenBatch,
  length: number,
): Int32Array {
  const { rows, width } = completion;
  const positions = new Int32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const first = row * length + (contextLengths[row] as number) - 1;
    const valid = completion.lengths[row] as number;
    for (let t = 0; t < width; t++) positions[row * width + t] = t < valid ? first + t : first;
  }
  return positions;
}
