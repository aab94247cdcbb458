import { BicotError } from '../../errors.js';
import { assertKnownOptions, assertNumber, POSITIVE } from '../../options.js';
import { encodeHeader, sizeOf } from '../safetensors-header.js';
import { checkpointError } from './failure.js';
import type { WritableFolder } from './folder.js';
import type { StoredDtype } from './source.js';
import { DTYPE_BYTES, tensorBytes } from './tensor-source.js';

/** A tensor to be written. */
export interface WrittenTensor {
  /** What the file calls it; unique in the checkpoint. */
  readonly name: string;
  /** How its numbers are stored. */
  readonly dtype: StoredDtype;
  /** Sizes of its axes, row-major; empty for a scalar. */
  readonly shape: readonly number[];
  /** Its bytes, little-endian, as `encodeFloats` makes them; called once, when it is its turn. */
  bytes(): Promise<Uint8Array> | Uint8Array;
}

/** How a checkpoint is written. */
export interface WriteCheckpointOptions {
  /** A file has no more data than this, unless one tensor has. Default 5e9. */
  readonly maxShardBytes?: number;
  /** One file of this name, whatever its size. Default: `model.safetensors`, or shards of it. */
  readonly file?: string;
  /** Free-form strings of each file, beside `format: 'pt'`, without which transformers refuses it. Default: none. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Writes a checkpoint as Hugging Face's libraries do: `model.safetensors`, or shards and their index. One tensor is in
 * memory at a time, and the same tensors give the same bytes.
 * @param tensors in the order in which they are written
 * @returns names of the files; the index is the last
 * @throws BicotError `checkpoint` for a name that occurs twice, bytes that don't fit the shape, or a folder in which a
 *   reader would find the weights of before; `value` for options that make no sense
 */
export async function writeCheckpoint(
  folder: WritableFolder,
  tensors: Iterable<WrittenTensor> | AsyncIterable<WrittenTensor>,
  options: WriteCheckpointOptions = {},
): Promise<string[]> {
  const { file, metadata = {} } = options;
  const maxShardBytes = options.maxShardBytes ?? (file === undefined ? 5e9 : Number.MAX_VALUE);
  assertKnownOptions('writeCheckpoint', options, ['maxShardBytes', 'file', 'metadata']);
  assertOneOrShards(options);
  assertNumber('writeCheckpoint', 'maxShardBytes', maxShardBytes, POSITIVE);
  const all: WrittenTensor[] = [];
  for await (const tensor of tensors) all.push(tensor);
  assertTensors(folder.path, all);
  const shards = shardsOf(all, maxShardBytes);
  const names = shards.map((_, i) => file ?? shardName(i, shards.length));
  if (file === undefined) await assertNoOthers(folder, shards.length === 1 ? [INDEX] : [INDEX, SINGLE]);
  for (const [i, shard] of shards.entries()) {
    await folder.write(names[i] as string, piecesOf(folder.path, shard, { format: 'pt', ...metadata }));
  }
  if (shards.length === 1) return names;
  // Last: before it is there, nobody takes the shards for a model.
  await folder.write(INDEX, [encodeIndex(shards, names)]);
  return [...names, INDEX];
}

function assertOneOrShards({ file, maxShardBytes }: WriteCheckpointOptions): void {
  if (file === undefined || maxShardBytes === undefined) return;
  throw new BicotError(
    'value',
    `writeCheckpoint: file (${file}) is one file and maxShardBytes (${maxShardBytes}) makes several; give one of the two.`,
  );
}

function assertTensors(path: string, tensors: readonly WrittenTensor[]): void {
  const names = new Set<string>();
  for (const { name, dtype, shape } of tensors) {
    const fail = (what: string): never => {
      throw checkpointError(path, `${JSON.stringify(name)} ${what}`, 'Nothing was written.');
    };
    if (names.has(name)) fail('occurs twice');
    if (name === '__metadata__') fail('is a name that the format keeps for itself');
    if (!Object.hasOwn(DTYPE_BYTES, dtype)) {
      fail(`has the format ${dtype}; there are ${Object.keys(DTYPE_BYTES).join(', ')}`);
    }
    const counts = shape.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!counts || !Number.isSafeInteger(sizeOf(shape))) fail(`has the shape [${shape.join(', ')}]`);
    names.add(name);
  }
}

/**
 * Larger numbers first, so that all lie at multiples of their size: a file that begins aligned can be mapped into memory.
 */
function shardsOf(tensors: readonly WrittenTensor[], most: number): WrittenTensor[][] {
  const shards: WrittenTensor[][] = [[]];
  let room = most;
  for (const tensor of tensors) {
    const bytes = tensorBytes(tensor.dtype, tensor.shape);
    if (bytes > room && (shards.at(-1) as WrittenTensor[]).length > 0) {
      shards.push([]);
      room = most;
    }
    (shards.at(-1) as WrittenTensor[]).push(tensor);
    room -= bytes;
  }
  return shards.map((shard) => shard.sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]));
}

function shardName(i: number, count: number): string {
  const five = (n: number): string => String(n).padStart(5, '0');
  return count === 1 ? SINGLE : `model-${five(i + 1)}-of-${five(count)}.safetensors`;
}

/** Files that a reader would open instead of what is written, or together with half of it after a crash. */
async function assertNoOthers(folder: WritableFolder, others: readonly string[]): Promise<void> {
  // A folder that is not there has none.
  const files = await folder.list().catch((): string[] => []);
  const found = others.filter((file) => files.includes(file));
  if (found.length === 0) return;
  throw checkpointError(
    folder.path,
    `it holds ${found.join(' and ')} of other weights, which would be read instead of these`,
    'Write to a folder of its own, or remove them first.',
  );
}

async function* piecesOf(
  path: string,
  shard: readonly WrittenTensor[],
  metadata: Readonly<Record<string, string>>,
): AsyncGenerator<Uint8Array> {
  yield encodeHeader(
    shard.map(({ name, dtype, shape }) => ({ name, dtype, shape, bytes: tensorBytes(dtype, shape) })),
    metadata,
  );
  for (const tensor of shard) {
    const { name, dtype, shape } = tensor;
    const bytes = await tensor.bytes();
    const needed = tensorBytes(dtype, shape);
    if (bytes.length !== needed) {
      throw checkpointError(
        path,
        `${name} has ${bytes.length} bytes, but [${shape.join(', ')}] of ${dtype} needs ${needed}`,
        'Pass the bytes that encodeFloats makes of its numbers.',
      );
    }
    yield bytes;
  }
}

function encodeIndex(shards: readonly (readonly WrittenTensor[])[], names: readonly string[]): Uint8Array {
  const total = shards.flat().reduce((sum, { dtype, shape }) => sum + tensorBytes(dtype, shape), 0);
  const places = shards.flatMap((shard, i) => shard.map(({ name }) => [name, names[i]] as const));
  const map = Object.fromEntries(places.sort(([a], [b]) => (a < b ? -1 : 1)));
  const index = { metadata: { total_size: total }, weight_map: map };
  return new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`);
}
