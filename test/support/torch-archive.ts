/** Archives and pickles made by hand, right and wrong. */

/** How an archive is to be. */
export interface ZipOptions {
  /** Sizes and places in the fields of ZIP64, as if they were too large for those of before. */
  readonly zip64?: boolean;
  /** 0: stored. */
  readonly method?: number;
  readonly flags?: number;
  /** Bytes between the header of an entry and its data, as torch.save aligns them. */
  readonly padding?: number;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Numbers of 2, 4 and 8 bytes. */
function record(...fields: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): number[] {
  return fields.flatMap(([bytes, value]) =>
    Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n)),
  );
}

/** A zip archive of files, in this order. */
export function zipOf(
  files: Readonly<Record<string, Uint8Array>> | readonly (readonly [string, Uint8Array])[],
  { zip64 = false, method = 0, flags = 0x808, padding = 5 }: ZipOptions = {},
): Uint8Array {
  const list = Array.isArray(files) ? (files as [string, Uint8Array][]) : Object.entries(files);
  const parts: Uint8Array[] = [];
  const directory: number[] = [];
  let at = 0;
  const add = (bytes: Uint8Array): void => {
    parts.push(bytes);
    at += bytes.length;
  };
  const size = (value: number): readonly [4, number] => [4, zip64 ? 0xffffffff : value];
  for (const [name, bytes] of list) {
    const nameBytes = encode(name);
    const common = [[2, flags], [2, method], [4, 0], [4, 0], size(bytes.length), size(bytes.length)] as const;
    // Another extra field first, which must be skipped.
    const places = [
      [8, bytes.length],
      [8, bytes.length],
      [8, at],
    ] as const;
    const extra = zip64 ? record([2, 0x7075], [2, 2], [2, 7], [2, 1], [2, 24], ...places) : [];
    directory.push(
      ...record([4, 0x02014b50], [2, 45], [2, 45], ...common, [2, nameBytes.length], [2, extra.length]),
      ...record([2, 0], [2, 0], [2, 0], [4, 0], size(at)),
      ...nameBytes,
      ...extra,
    );
    const local = record([4, 0x04034b50], [2, 45], ...common, [2, nameBytes.length], [2, padding]);
    add(Uint8Array.from([...local, ...nameBytes, ...new Uint8Array(padding)]));
    add(bytes);
  }
  const begin = at;
  const count = list.length;
  add(Uint8Array.from(directory));
  if (zip64) {
    const counts = [
      [4, 0],
      [4, 0],
      [8, count],
      [8, count],
      [8, directory.length],
      [8, begin],
    ] as const;
    const locator = record([4, 0x07064b50], [4, 0], [8, at], [4, 1]);
    add(Uint8Array.from([...record([4, 0x06064b50], [8, 44], [2, 45], [2, 45], ...counts), ...locator]));
  }
  const n = zip64 ? 0xffff : count;
  const end = record(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, n],
    [2, n],
    size(directory.length),
    size(begin),
    [2, 0],
  );
  add(Uint8Array.from(end));
  return joined(parts);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Operations of pickles. */
export const op = {
  proto: [0x80, 2],
  stop: [0x2e],
  mark: [0x28],
  tuple: [0x74],
  emptyTuple: [0x29],
  dict: [0x7d],
  none: [0x4e],
  no: [0x89],
  setItem: [0x73],
  setItems: [0x75],
  reduce: [0x52],
  build: [0x62],
  persistent: [0x51],
  stackGlobal: [0x93],
  put: (i: number): number[] => [0x71, i],
  get: (i: number): number[] => [0x68, i],
  global: (module: string, name: string): number[] => [0x63, ...encode(`${module}\n${name}\n`)],
  text: (text: string): number[] => [0x58, ...record([4, encode(text).length]), ...encode(text)],
  /** LONG1 of 8 bytes. */
  int: (value: number): number[] => [0x8a, 8, ...record([8, value])],
  tupleOf: (...items: readonly (readonly number[])[]): number[] => [0x28, ...items.flat(), 0x74],
};

/** A tensor as a pickle describes it, and how to get it wrong. */
export interface PickledTensor {
  readonly shape?: readonly number[];
  readonly stride?: readonly number[];
  readonly offset?: number;
  readonly storage?: string;
  readonly key?: string;
  /** Numbers of its storage. */
  readonly count?: number;
}

/** Operations that leave a tensor on the stack. Default: two float32 numbers of storage 0. */
export function tensorOps(tensor: PickledTensor = {}): number[] {
  const { shape = [2], offset = 0, storage = 'FloatStorage', key = '0', count = 2 } = tensor;
  const stride = tensor.stride ?? shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const id = op.tupleOf(
    op.text('storage'),
    op.global('torch', storage),
    op.text(key),
    op.text('cpu'),
    op.int(count),
  );
  const hooks = [...op.global('collections', 'OrderedDict'), ...op.emptyTuple, ...op.reduce];
  const args = [
    [...id, ...op.persistent],
    op.int(offset),
    op.tupleOf(...shape.map(op.int)),
    op.tupleOf(...stride.map(op.int)),
  ];
  return [
    ...op.global('torch._utils', '_rebuild_tensor_v2'),
    ...op.tupleOf(...args, op.no, hooks),
    ...op.reduce,
  ];
}

/** The pickle of a dict of one thing. */
export const pickleOf = (value: readonly number[], name = 'weight'): Uint8Array =>
  Uint8Array.from([...op.proto, ...op.dict, ...op.text(name), ...value, ...op.setItem, ...op.stop]);

/** The numbers 1 and −2 as float32. */
export const NUMBERS = new Uint8Array(Float32Array.of(1, -2).buffer);

/** A file as torch.save writes it. */
export function torchFile(
  pickle: Uint8Array,
  more: Readonly<Record<string, Uint8Array>> = { byteorder: encode('little') },
  options: ZipOptions = {},
): Uint8Array {
  const files = { 'data.pkl': pickle, 'data/0': NUMBERS, ...more };
  return zipOf(
    Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`archive/${name}`, bytes])),
    options,
  );
}
