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

/** Says that a file is damaged. */
type Fail = (what: string, cause?: unknown) => never;

/** One tensor of a header: its bytes are `[begin, end)` of the data. */
interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;

/** A JSON object, and neither a list nor null. */
function plainObject(value: unknown, what: string, fail: Fail): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return fail(`${what} is ${kindOf(value)}; an object was expected`);
}

function parseHeader(json: Uint8Array, fail: Fail): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (cause) {
    fail('the header is not JSON', cause);
  }
  return plainObject(header, 'the header', fail);
}

function readMetadata(value: unknown, fail: Fail): Record<string, string> {
  const metadata = plainObject(value ?? {}, '__metadata__', fail);
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== 'string') fail(`__metadata__ ${key} is ${kindOf(text)}; a string was expected`);
  }
  return metadata as Record<string, string>;
}

/** Whole numbers of at least 0 that a float64 holds exactly. */
const areCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

function readEntry(name: string, value: unknown, fail: Fail): Entry {
  const { dtype, shape, data_offsets: offsets } = plainObject(value, name, fail);
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype)) {
    return fail(
      `${name} has the number format ${JSON.stringify(dtype)}; ${Object.keys(BYTES).join(', ')} can be read`,
    );
  }
  if (!areCounts(shape) || !Number.isSafeInteger(sizeOf(shape))) {
    return fail(`${name} has the shape ${JSON.stringify(shape)}; whole numbers of at least 0 were expected`);
  }
  if (!areCounts(offsets) || offsets.length !== 2) {
    return fail(
      `${name} has the offsets ${JSON.stringify(offsets)}; two whole numbers of at least 0 were expected`,
    );
  }
  const [begin, end] = offsets as [number, number];
  return { name, dtype, shape, begin, end };
}

/** The tensors must lie side by side and fill the data exactly, so that nothing can hide between or behind them. */
function checkTiling(entries: readonly Entry[], dataBytes: number, fail: Fail): void {
  let next = 0;
  for (const { name, dtype, shape, begin, end } of [...entries].sort(
    (a, b) => a.begin - b.begin || a.end - b.end,
  )) {
    const needed = sizeOf(shape) * (BYTES[dtype] as number);
    if (end > dataBytes) fail(`${name} lies at bytes ${begin}–${end}, but the data has ${dataBytes}`);
    if (end - begin !== needed) {
      fail(`${name} has ${end - begin} bytes, but [${shape.join(', ')}] of ${dtype} needs ${needed}`);
    }
    if (begin !== next) {
      fail(`${name} starts at byte ${begin} of the data, but tensors lie side by side: expected ${next}`);
    }
    next = end;
  }
  if (next !== dataBytes) fail(`${dataBytes - next} bytes at the end belong to no tensor`);
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
  if (bytes.length < 8) fail(`only ${bytes.length} bytes, but the header length alone takes 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > bytes.length) {
    fail(`the header claims ${headerBytes} bytes, but the file has ${bytes.length}`);
  }
  const { __metadata__, ...rest } = parseHeader(bytes.subarray(8, 8 + headerBytes), fail);
  const metadata = readMetadata(__metadata__, fail);
  const entries = Object.entries(rest).map(([name, entry]) => readEntry(name, entry, fail));
  const data = bytes.subarray(8 + headerBytes);
  checkTiling(entries, data.length, fail);
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
