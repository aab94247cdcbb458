import { BicotError } from '../errors.js';
import { isFloatDtype, widen } from './checkpoints/half-precision.js';
import {
  encodeHeader,
  type Fail,
  LENGTH_BYTES,
  readHeader,
  readHeaderLength,
  sizeOf,
} from './safetensors-header.js';

/** Number formats that can be written. */
export type TensorDtype = 'F32' | 'I32' | 'U8';

/** A tensor as plain host data. */
export interface HostTensor {
  /** Which typed array `data` is. */
  readonly dtype: TensorDtype;
  /** Sizes of its axes; empty for a scalar. */
  readonly shape: readonly number[];
  /** Row-major: Float32Array for `F32`, Int32Array for `I32`, Uint8Array for `U8`. */
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** What a safetensors file holds. */
export interface Safetensors {
  /** By name, in the file's order. */
  readonly tensors: Readonly<Record<string, HostTensor>>;
  /** Free-form strings (`__metadata__`). */
  readonly metadata: Readonly<Record<string, string>>;
}

const BYTES: Readonly<Record<string, number>> = { F32: 4, I32: 4, U8: 1, F16: 2, BF16: 2 };

/**
 * Writes the safetensors format (https://github.com/huggingface/safetensors): a little-endian u64 header length,
 * a JSON header `{ name: { dtype, shape, data_offsets } }`, then the data. Deterministic: same input, same bytes.
 * @throws BicotError `safetensors` if a tensor's data does not fit its shape
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    if (data.length !== sizeOf(shape)) {
      throw new BicotError(
        'safetensors',
        `encodeSafetensors: ${name} has ${data.length} values but its shape [${shape.join(', ')}] needs ${sizeOf(shape)}.`,
      );
    }
    return { name, dtype, shape, bytes: data.byteLength };
  });
  const header = encodeHeader(entries, metadata);
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + entry.bytes, header.length));
  bytes.set(header);
  let at = header.length;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function readTensor(bytes: Uint8Array, dtype: string, shape: readonly number[]): HostTensor {
  if (isFloatDtype(dtype)) return { dtype: 'F32', shape, data: widen(bytes, dtype) };
  // Copied, so that typed arrays are aligned and the file's buffer can be freed. Not by `slice`: a Buffer's is a view.
  const data = new Uint8Array(bytes);
  return dtype === 'I32' ? { dtype, shape, data: new Int32Array(data.buffer) } : { dtype: 'U8', shape, data };
}

/**
 * Reads the safetensors format; F16 and BF16 become float32. As strict as the official reader: tensors must fill
 * the data without gaps, overlaps or trailing bytes, and metadata are strings.
 * @param bytes the whole file
 * @param source its name, for error messages
 * @throws BicotError `safetensors` if the bytes are truncated, corrupt, or hold another number format
 */
export function decodeSafetensors(bytes: Uint8Array, source = 'safetensors data'): Safetensors {
  const fail: Fail = (what, cause) => {
    throw new BicotError(
      'safetensors',
      `${source}: ${what}. The file is not safetensors, is truncated or was damaged; fetch or save it again.`,
      { cause },
    );
  };
  const start = LENGTH_BYTES + readHeaderLength(bytes, bytes.length, fail);
  const data = bytes.subarray(start);
  const { entries, metadata } = readHeader(bytes.subarray(LENGTH_BYTES, start), data.length, BYTES, fail);
  return {
    tensors: Object.fromEntries(
      entries.map(({ name, dtype, shape, begin, end }) => [
        name,
        readTensor(data.subarray(begin, end), dtype, shape),
      ]),
    ),
    metadata,
  };
}
