import { BicotError } from '../../errors.js';

/**
 * Plain data as bytes: a header in JSON, then the numbers of its typed arrays as they are. What occurs twice is written once
 * and comes back as one object, which is how the sampler knows that rows share a context. Nothing in it is ever executed, and
 * whoever reads it makes plain objects and typed arrays only.
 *
 *     'BCT1' | length of the header (uint32) | header | padding to 8 | arrays, each padded to 8
 */
const MAGIC = 'BCT1';

const ARRAYS = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
} as const;
type ArrayName = keyof typeof ARRAYS;
type TypedArray = InstanceType<(typeof ARRAYS)[ArrayName]>;

/** A value in the header: itself, an entry of the table, or a number that JSON lacks. */
type Cell = null | boolean | string | number | readonly [entry: number] | { readonly is: string };
type Entry =
  | { readonly list: readonly Cell[] }
  | { readonly record: readonly (readonly [key: string, value: Cell])[] }
  | { readonly array: string; readonly at: number; readonly length: number };
interface Header {
  readonly root: Cell;
  readonly table: readonly Entry[];
}

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

const wrong = (words: string, cause?: unknown): BicotError =>
  new BicotError('value', `distributed: ${words}`, { cause });

/**
 * Writes plain data: numbers, strings, booleans, null, undefined, typed arrays, arrays and plain objects of these, without
 * cycles.
 * @throws BicotError `unsupported` for anything else, naming where it is
 */
export function encode(value: unknown): Uint8Array {
  const table: (Entry | undefined)[] = [];
  const arrays: TypedArray[] = [];
  const seen = new Map<object, number>();
  let end = 0;

  const cell = (one: unknown, path: string): Cell => {
    if (one === null || typeof one === 'boolean' || typeof one === 'string') return one;
    if (typeof one === 'number')
      return Number.isFinite(one) && !Object.is(one, -0)
        ? one
        : { is: Object.is(one, -0) ? '-0' : String(one) };
    if (one === undefined) return { is: 'undefined' };
    if (typeof one !== 'object') throw unsendable(path, typeof one);
    const known = seen.get(one);
    if (known !== undefined) {
      if (table[known] === undefined) throw unsendable(path, 'a cycle');
      return [known];
    }
    const index = table.push(undefined) - 1;
    seen.set(one, index);
    table[index] = entry(one, path);
    return [index];
  };

  const entry = (one: object, path: string): Entry => {
    if (ArrayBuffer.isView(one)) {
      const array = one.constructor.name === 'Buffer' ? 'Uint8Array' : one.constructor.name;
      if (!Object.hasOwn(ARRAYS, array)) throw unsendable(path, array);
      const at = end;
      arrays.push(one as TypedArray);
      end += padded(one.byteLength);
      return { array, at, length: (one as TypedArray).length };
    }
    if (Array.isArray(one)) return { list: one.map((item, i) => cell(item, `${path}[${i}]`)) };
    const prototype = Object.getPrototypeOf(one);
    if (prototype !== Object.prototype && prototype !== null) throw unsendable(path, one.constructor?.name);
    return { record: Object.entries(one).map(([key, item]) => [key, cell(item, `${path}.${key}`)] as const) };
  };

  const root = cell(value, 'it');
  const header = new TextEncoder().encode(JSON.stringify({ root, table }));
  const start = padded(8 + header.length);
  const bytes = new Uint8Array(start + end);
  bytes.set(new TextEncoder().encode(MAGIC));
  new DataView(bytes.buffer).setUint32(4, header.length, true);
  bytes.set(header, 8);
  let at = start;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += padded(array.byteLength);
  }
  return bytes;
}

function unsendable(path: string, what: string | undefined): BicotError {
  return new BicotError(
    'unsupported',
    `distributed: ${path} is ${what ?? 'an object of a class'}, which can't be sent to another process. Contexts, prompts and samples must be plain data (numbers, strings, typed arrays, objects of these): keep functions and tensors inside the policy.`,
  );
}

/**
 * Reads what `encode` wrote, from whomever. Arrays have memory of their own.
 * @throws BicotError `value` for anything that `encode` would not write
 */
export function decode(bytes: Uint8Array): unknown {
  if (bytes.length < 8 || new TextDecoder().decode(bytes.subarray(0, 4)) !== MAGIC) {
    throw wrong('a message is none of bicot’s.');
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  if (8 + length > bytes.length) throw wrong('a message is cut off.');
  let header: Header;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw wrong('the header of a message can’t be read.', cause);
  }
  if (typeof header !== 'object' || header === null || !Array.isArray(header.table)) {
    throw wrong('the header of a message has no table.');
  }
  const start = padded(8 + length);
  const made: unknown[] = [];
  const inWork = new Set<number>();

  const value = (cell: unknown): unknown => {
    if (cell === null || ['boolean', 'string', 'number'].includes(typeof cell)) return cell;
    if (Array.isArray(cell) && cell.length === 1) return entry(cell[0]);
    const is = (cell as { is?: unknown } | undefined)?.is;
    if (is === 'undefined') return undefined;
    if (is === 'NaN' || is === 'Infinity' || is === '-Infinity' || is === '-0') return Number(is);
    throw wrong('a value of a message is none that there can be.');
  };

  const entry = (index: unknown): unknown => {
    const of = Number.isInteger(index) ? header.table[index as number] : undefined;
    if (typeof of !== 'object' || of === null) throw wrong(`a message has no entry ${String(index)}.`);
    if ((index as number) in made) return made[index as number];
    if (inWork.has(index as number)) throw wrong('a message contains itself.');
    inWork.add(index as number);
    made[index as number] = read(of);
    return made[index as number];
  };

  const read = (of: Entry): unknown => {
    if ('list' in of && Array.isArray(of.list)) return of.list.map(value);
    if ('record' in of && Array.isArray(of.record)) {
      return Object.fromEntries(
        of.record.map((pair: unknown) => {
          if (!Array.isArray(pair) || typeof pair[0] !== 'string') throw wrong('a record has a bad key.');
          return [pair[0], value(pair[1])];
        }),
      );
    }
    if ('array' in of && Object.hasOwn(ARRAYS, of.array)) return array(of);
    throw wrong('an entry of a message is none that there can be.');
  };

  const array = ({ array: name, at, length: count }: Extract<Entry, { array: string }>): TypedArray => {
    const type = ARRAYS[name as ArrayName];
    const size = count * type.BYTES_PER_ELEMENT;
    const fits = [at, count].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!fits || start + at + size > bytes.length) throw wrong('an array of a message lies outside of it.');
    // Not bytes.slice: a Buffer's shares its memory, with others too.
    const own = new Uint8Array(size);
    own.set(bytes.subarray(start + at, start + at + size));
    return new type(own.buffer, 0, count);
  };

  return value(header.root);
}
