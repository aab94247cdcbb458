/** Says that a file is damaged. */
export type Fail = (what: string, cause?: unknown) => never;

/** One tensor of a header: its bytes are `[begin, end)` of the data. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** What stands before the data of a safetensors file. */
export interface SafetensorsHeader {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The bytes that hold the length of the header. */
export const LENGTH_BYTES = 8;

// The format's own limit; a larger header length means that the file is something else.
const MAX_HEADER_BYTES = 100_000_000;

/** Numbers of a tensor. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/**
 * The length of the header, checked against the file's before anything of that length is made.
 * @param start at least the first 8 bytes of the file, or all that it has
 */
export function readHeaderLength(start: Uint8Array, fileBytes: number, fail: Fail): number {
  if (start.length < LENGTH_BYTES) {
    fail(`only ${start.length} bytes, but the header length alone takes ${LENGTH_BYTES}`);
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes > MAX_HEADER_BYTES || LENGTH_BYTES + headerBytes > fileBytes) {
    fail(`the header claims ${headerBytes} bytes, but the file has ${fileBytes}`);
  }
  return headerBytes;
}

/**
 * Reads the header, as strictly as the official reader: tensors must fill the data without gaps, overlaps or trailing
 * bytes, and metadata are strings.
 * @param json the header
 * @param dataBytes what the file has behind it
 * @param dtypes the number formats that can be read, and the bytes of a number
 */
export function readHeader(
  json: Uint8Array,
  dataBytes: number,
  dtypes: Readonly<Record<string, number>>,
  fail: Fail,
): SafetensorsHeader {
  const { __metadata__, ...rest } = parseHeader(json, fail);
  const metadata = readMetadata(__metadata__, fail);
  const entries = Object.entries(rest).map(([name, entry]) => readEntry(name, entry, dtypes, fail));
  checkTiling(entries, dataBytes, dtypes, fail);
  return { entries, metadata };
}

/** A tensor whose header is written. */
export interface HeaderTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/**
 * What stands before the data of tensors that lie side by side in this order: the header and its length. Padded, so that
 * the data begin at a multiple of 8, as the format recommends.
 */
export function encodeHeader(
  tensors: readonly HeaderTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    end += bytes;
    return [name, { dtype, shape, data_offsets: [end - bytes, end] }] as const;
  });
  const described = Object.keys(metadata).length > 0 ? [['__metadata__', metadata] as const] : [];
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...described, ...entries])));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, LENGTH_BYTES);
  return bytes;
}

/** What a value of JSON is, in words. */
function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

/** A JSON object, and neither a list nor null. */
export function plainObject(value: unknown, what: string, fail: Fail): Record<string, unknown> {
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

function readEntry(
  name: string,
  value: unknown,
  dtypes: Readonly<Record<string, number>>,
  fail: Fail,
): HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = plainObject(value, name, fail);
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypes, dtype)) {
    return fail(
      `${name} has the number format ${JSON.stringify(dtype)}; ${Object.keys(dtypes).join(', ')} can be read`,
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
function checkTiling(
  entries: readonly HeaderEntry[],
  dataBytes: number,
  dtypes: Readonly<Record<string, number>>,
  fail: Fail,
): void {
  let next = 0;
  for (const { name, dtype, shape, begin, end } of [...entries].sort(
    (a, b) => a.begin - b.begin || a.end - b.end,
  )) {
    const needed = sizeOf(shape) * (dtypes[dtype] as number);
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
