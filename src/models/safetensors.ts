import { BicotError } from '../errors.js';

/** Number formats that can be written. */
export type TensorDtype = 'F32' | 'I32' | 'U8';

/** A tensor as plain host data. */
export interface HostTensor {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** What a safetensors file holds. */
export interface Safetensors {
  readonly tensors: Readonly<Record<string, HostTensor>>;
  /** Free-form strings (`__metadata__`). */
  readonly metadata: Readonly<Record<string, string>>;
}

const BYTES: Readonly<Record<string, number>> = { F32: 4, I32: 4, U8: 1, F16: 2, BF16: 2 };
// The format's own limit; a larger header length means that the file is something else.
const MAX_HEADER_BYTES = 100_000_000;

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/**
 * Writes the safetensors format (https://github.com/huggingface/safetensors): a little-endian u64 header length,
 * a JSON header `{ name: { dtype, shape, data_offsets } }`, then the data. Deterministic: same input, same bytes.
 * @throws BicotError `safetensors` if a tensor's data does not fit its shape
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let offset = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    if (tensor.data.length !== sizeOf(tensor.shape)) {
      throw new BicotError(
        'safetensors',
        `encodeSafetensors: ${name} has ${tensor.data.length} values but its shape [${tensor.shape.join(', ')}] needs ${sizeOf(tensor.shape)}.`,
      );
    }
    const end = offset + tensor.data.byteLength;
    header[name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Pad the header with spaces so that the data starts at a multiple of 8, as the format recommends.
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** Half precision to single: 1 sign, 5 exponent, 10 fraction bits. */
function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function readTensor(bytes: Uint8Array, dtype: string, shape: readonly number[]): HostTensor {
  // Copied, so that typed arrays are aligned and the file's buffer can be freed. Not by `slice`: a Buffer's is a view.
  const copy = new Uint8Array(bytes).buffer;
  switch (dtype) {
    case 'F32':
      return { dtype, shape, data: new Float32Array(copy) };
    case 'I32':
      return { dtype, shape, data: new Int32Array(copy) };
    case 'U8':
      return { dtype, shape, data: new Uint8Array(copy) };
    case 'F16':
      return { dtype: 'F32', shape, data: Float32Array.from(new Uint16Array(copy), halfToFloat) };
    default: {
      // BF16 is the upper half of a float32.
      const wide = Uint32Array.from(new Uint16Array(copy), (half) => half << 16);
      return { dtype: 'F32', shape, data: new Float32Array(wide.buffer) };
    }
  }
}

/**
 * Reads the safetensors format; F16 and BF16 become float32.
 * @param bytes the whole file
 * @param source its name, for error messages
 * @throws BicotError `safetensors` if the bytes are truncated, corrupt, or hold another number format
 */
export function decodeSafetensors(bytes: Uint8Array, source = 'safetensors data'): Safetensors {
  const fail = (what: string, cause?: unknown): never => {
    throw new BicotError(
      'safetensors',
      `${source}: ${what}. The file is not safetensors, is truncated or was damaged; fetch or save it again.`,
      { cause },
    );
  };
  if (bytes.length < 8) fail(`only ${bytes.length} bytes, but the header length alone takes 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > bytes.length) {
    fail(`the header claims ${headerBytes} bytes, but the file has ${bytes.length}`);
  }
  let header: Record<string, unknown> = {};
  try {
    header = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + headerBytes)),
    ) as Record<string, unknown>;
  } catch (cause) {
    fail('the header is not JSON', cause);
  }
  const { __metadata__: metadata, ...entries } = header;
  const data = bytes.subarray(8 + headerBytes);
  const tensors: Record<string, HostTensor> = {};
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    const width = BYTES[String(dtype)];
    if (width === undefined)
      fail(`${name} has the number format ${String(dtype)}; ${Object.keys(BYTES).join(', ')} can be read`);
    const sizes = Array.isArray(shape) ? (shape as number[]) : fail(`${name} has no shape`);
    const [begin, end] = Array.isArray(offsets) ? (offsets as number[]) : fail(`${name} has no offsets`);
    if (!(begin !== undefined && end !== undefined && 0 <= begin && begin <= end && end <= data.length)) {
      fail(`${name} lies at bytes ${begin}–${end}, but the data has ${data.length}`);
    }
    if ((end as number) - (begin as number) !== sizeOf(sizes) * (width as number)) {
      fail(
        `${name} has ${(end as number) - (begin as number)} bytes, but [${sizes.join(', ')}] of ${String(dtype)} needs ${sizeOf(sizes) * (width as number)}`,
      );
    }
    tensors[name] = readTensor(data.subarray(begin, end), String(dtype), sizes);
  }
  return { tensors, metadata: (metadata ?? {}) as Record<string, string> };
}
