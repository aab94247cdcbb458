import { BicotError } from '../../errors.js';
import { sizeOf } from '../safetensors-header.js';
import { checkpointError } from './failure.js';
import type { CheckpointFolder } from './folder.js';
import { isFloatDtype, widen } from './half-precision.js';
import type { RowRange, StoredDtype, StoredTensor, TensorSource } from './source.js';

/** Bytes of one number. */
export const DTYPE_BYTES: Readonly<Record<StoredDtype, number>> = {
  ...{ F32: 4, F16: 2, BF16: 2, I32: 4, U8: 1, I64: 8, F64: 8, BOOL: 1 },
};

/** A tensor and where it lies, which is asked for when it is read. */
export interface LocatedTensor extends StoredTensor {
  /** Where in its file its bytes begin. */
  begin(): Promise<number>;
}

/** A source of tensors whose headers were read and checked. */
export function tensorSource(folder: CheckpointFolder, located: readonly LocatedTensor[]): TensorSource {
  const { path } = folder;
  const tensors = new Map(located.map((tensor) => [tensor.name, tensor]));
  const find = (name: string): LocatedTensor => {
    const tensor = tensors.get(name);
    if (tensor) return tensor;
    throw checkpointError(
      path,
      `there is no tensor ${JSON.stringify(name)} among its ${tensors.size}`,
      'This is another model than was expected, or other names for it.',
    );
  };
  const readBytes = async (tensor: LocatedTensor, rows?: RowRange): Promise<Uint8Array> => {
    const [from, to] = byteRange(path, tensor, rows);
    const begin = await tensor.begin();
    return folder.read(tensor.file, begin + from, begin + to);
  };
  return {
    path,
    tensors,
    readBytes: async (name, rows) => readBytes(find(name), rows),
    async readFloats(name, rows) {
      const tensor = find(name);
      if (!isFloatDtype(tensor.dtype)) {
        throw checkpointError(
          path,
          `${name} holds numbers of the format ${tensor.dtype}`,
          'F32, F16 and BF16 become float32; read others by readBytes.',
        );
      }
      return widen(await readBytes(tensor, rows), tensor.dtype);
    },
  };
}

/** Where rows lie in a tensor. */
function byteRange(path: string, { name, shape, bytes }: StoredTensor, rows?: RowRange): [number, number] {
  if (rows === undefined) return [0, bytes];
  const [count] = shape;
  const { begin, end } = rows;
  const whole = Number.isSafeInteger(begin) && Number.isSafeInteger(end);
  if (count === undefined || !whole || begin < 0 || end < begin || end > count) {
    throw new BicotError(
      'value',
      `${path}: ${name} has the shape [${shape.join(', ')}], in which there are no rows ${begin} to ${end}; ask for 0 ≤ begin ≤ end ≤ ${count ?? 'its first size'}.`,
    );
  }
  const row = count === 0 ? 0 : bytes / count;
  return [begin * row, end * row];
}

/** Bytes of a tensor. */
export const tensorBytes = (dtype: StoredDtype, shape: readonly number[]): number =>
  sizeOf(shape) * DTYPE_BYTES[dtype];
