import type * as tf from '@tensorflow/tfjs';
import { filledTensor } from '../../backends/filled-tensor.js';
import { BicotError } from '../../errors.js';
import { sizeOf } from '../safetensors-header.js';
import { type FloatDtype, floatBytes, widenInto } from './half-precision.js';
import type { RowRange, StoredTensor, TensorSource } from './source.js';
import { assertRows, findTensor, floatDtypeOf } from './tensor-source.js';

/** How a tensor is loaded. */
export interface LoadTensorOptions {
  /** `[out, in]` as PyTorch stores a layer becomes `[in, out]`. Default false. */
  readonly transpose?: boolean;
  /** Some rows of what is stored, before it is transposed. Default: all. */
  readonly rows?: RowRange;
}

/** Read at once. More is not faster, and is garbage the next moment. */
const PIECE_BYTES = 2 ** 22;

/** Rows that are transposed at once: 16 numbers fill a line of the processor's cache. */
const BLOCK_ROWS = 16;

/**
 * A stored tensor as a float32 tensor. It is read and widened in pieces of a few megabytes, so that a large one costs no
 * more memory than it has.
 * @returns its shape, or `[in, out]` of `[out, in]` if transposed; the caller disposes it
 * @throws BicotError `checkpoint` for an unknown name, numbers that are not F32, F16 or BF16, or a file that ends early;
 *   `shape` if something other than a matrix is to be transposed; `value` for rows that it has not; `backend` if memory is full
 */
export async function loadTensor(
  source: TensorSource,
  name: string,
  options: LoadTensorOptions = {},
): Promise<tf.Tensor> {
  const stored = findTensor(source, name);
  const dtype = floatDtypeOf(source.path, stored);
  const { transpose = false, rows } = options;
  if (transpose) assertMatrix(source.path, stored);
  if (rows) assertRows(source.path, stored, rows);
  const [count, ...rest] = stored.shape;
  if (count === undefined) {
    return filledTensor([], async (values) => widenInto(await source.readBytes(name), dtype, values()));
  }
  const { begin, end } = rows ?? { begin: 0, end: count };
  const width = sizeOf(rest);
  const pieces = piecesOf(begin, end, width * floatBytes(dtype));
  if (!transpose) {
    return filledTensor([end - begin, ...rest], async (values) => {
      for (const piece of pieces) {
        const bytes = await source.readBytes(name, piece);
        widenInto(
          bytes,
          dtype,
          values().subarray((piece.begin - begin) * width, (piece.end - begin) * width),
        );
      }
    });
  }
  return filledTensor([width, end - begin], async (values) => {
    for (const piece of pieces) {
      const bytes = await source.readBytes(name, piece);
      transposeInto(bytes, dtype, width, values(), piece.begin - begin);
    }
  });
}

function assertMatrix(path: string, { name, shape }: StoredTensor): void {
  if (shape.length === 2) return;
  throw new BicotError(
    'shape',
    `${path}: ${name} has the shape [${shape.join(', ')}]; only a matrix [out, in] can be transposed. Load it as it is.`,
  );
}

/** Rows that are read together. */
function piecesOf(begin: number, end: number, rowBytes: number): RowRange[] {
  const most = Math.max(1, Math.floor(PIECE_BYTES / Math.max(1, rowBytes)));
  // Whole blocks, where there is room for one.
  const rows = most > BLOCK_ROWS ? most - (most % BLOCK_ROWS) : most;
  const pieces: RowRange[] = [];
  for (let at = begin; at < end; at += rows) pieces.push({ begin: at, end: Math.min(at + rows, end) });
  return pieces;
}

/**
 * Writes rows as columns, block by block, so that whole lines of the cache are written.
 * @param width numbers of a row
 * @param target `[width, columns]`
 * @param first the column of the first row
 */
function transposeInto(
  bytes: Uint8Array,
  dtype: FloatDtype,
  width: number,
  target: Float32Array,
  first: number,
): void {
  if (width === 0) return;
  const columns = target.length / width;
  const rowBytes = width * floatBytes(dtype);
  const rows = bytes.length / rowBytes;
  const block = new Float32Array(Math.min(rows, BLOCK_ROWS) * width);
  for (let row = 0; row < rows; row += BLOCK_ROWS) {
    const height = Math.min(BLOCK_ROWS, rows - row);
    widenInto(
      bytes.subarray(row * rowBytes, (row + height) * rowBytes),
      dtype,
      block.subarray(0, height * width),
    );
    for (let i = 0; i < width; i++) {
      const at = i * columns + first + row;
      for (let j = 0; j < height; j++) target[at + j] = block[j * width + i] as number;
    }
  }
}
