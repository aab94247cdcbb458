import { BicotError } from '../../errors.js';
import { sizeOf } from '../safetensors-header.js';
import { checkpointError } from './failure.js';
import type { CheckpointFolder } from './folder.js';
import { type FloatDtype, isFloatDtype, widen } from './half-precision.js';
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
  const find = (name: string): LocatedTensor => findTensor({ path, tensors }, name);
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
      const dtype = floatDtypeOf(path, tensor);
      const bytes = await readBytes(tensor, rows);
      // A folder gives arrays that nobody else has.
      const asTheyAre = dtype === 'F32' && bytes.byteOffset % 4 === 0;
      return asTheyAre
        ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
        : widen(bytes, dtype);
    },
  };
}

/** What a checkpoint says of a tensor. @throws BicotError `checkpoint` for a name that it has not */
export function findTensor<T extends StoredTensor>(
  { path, tensors }: { readonly path: string; readonly tensors: ReadonlyMap<string, T> },
  name: string,
): T {
  const tensor = tensors.get(name);
  if (tensor) return tensor;
  throw checkpointError(
    path,
    `there is no tensor ${JSON.stringify(name)} among its ${tensors.size}`,
    'This is another model than was expected, or one with other names.',
  );
}

/** The format of numbers that become float32. @throws BicotError `checkpoint` for others */
export function floatDtypeOf(path: string, { name, dtype }: StoredTensor): FloatDtype {
  if (isFloatDtype(dtype)) return dtype;
  throw checkpointError(
    path,
    `${name} holds numbers of the format ${dtype}`,
    'F32, F16 and BF16 become float32; read others by readBytes.',
  );
}

/** Where rows lie in a tensor. */
function byteRange(path: string, stored: StoredTensor, rows?: RowRange): [number, number] {
  if (rows === undefined) return [0, stored.bytes];
  assertRows(path, stored, rows);
  const count = stored.shape[0] as number;
  const row = count === 0 ? 0 : stored.bytes / count;
  return [rows.begin * row, rows.end * row];
}

/** Throws unless a tensor has these rows. @throws BicotError `value` */
export function assertRows(path: string, { name, shape }: StoredTensor, { begin, end }: RowRange): void {
  const [count] = shape;
  const whole = Number.isSafeInteger(begin) && Number.isSafeInteger(end);
  if (count !== undefined && whole && begin >= 0 && begin <= end && end <= count) return;
  throw new BicotError(
    'value',
    `${path}: ${name} has the shape [${shape.join(', ')}], in which there are no rows ${begin} to ${end}; ask for 0 ≤ begin ≤ end ≤ ${count ?? 'its first size'}.`,
  );
}

/** Bytes of a tensor. */
export const tensorBytes = (dtype: StoredDtype, shape: readonly number[]): number =>
  sizeOf(shape) * DTYPE_BYTES[dtype];
