import { plainObject } from '../safetensors-header.js';
import { checkpointError, FETCH_AGAIN } from './failure.js';
import type { CheckpointFolder } from './folder.js';
import { openSafetensors } from './safetensors-file.js';
import type { TensorSource } from './source.js';
import { type LocatedTensor, tensorSource } from './tensor-source.js';
import { openStateDict } from './torch/state-dict.js';

/** Reads what a file holds, without its numbers. */
type OpenFile = (folder: CheckpointFolder, file: string) => Promise<LocatedTensor[]>;

/** A way in which weights lie in a folder, the first that fits is taken. */
interface Layout {
  /** For messages. */
  readonly name: string;
  readonly open: OpenFile;
  readonly matches: (files: readonly string[]) => readonly string[];
  /** An index that says which tensor is in which file, instead of the files themselves. */
  readonly index?: true;
}

const exactly = (name: string) => (files: readonly string[]) => files.filter((file) => file === name);
const like = (pattern: RegExp) => (files: readonly string[]) =>
  files.filter((file) => pattern.test(file)).sort();

const LAYOUTS: readonly Layout[] = [
  layout('model.safetensors.index.json', openSafetensors, true),
  layout('model.safetensors', openSafetensors),
  { name: '*.safetensors', open: openSafetensors, matches: like(/\.safetensors$/) },
  layout('pytorch_model.bin.index.json', openStateDict, true),
  layout('pytorch_model.bin', openStateDict),
  { name: 'pytorch_model*.bin', open: openStateDict, matches: like(/^pytorch_model.*\.bin$/) },
];

function layout(name: string, open: OpenFile, index?: true): Layout {
  return { name, open, matches: exactly(name), ...(index ? { index } : {}) };
}

/**
 * The tensors of a model folder: safetensors or files of `torch.save`, one file or shards. Only headers are read and
 * checked, against the files' real sizes; numbers are read when they are asked for.
 * @throws BicotError `checkpoint` if there are no weights, a file is damaged, truncated or could run code in Python, a
 *   tensor is missing from the file that the index names, or occurs in two
 */
export async function openTensors(folder: CheckpointFolder): Promise<TensorSource> {
  const files = await folder.list();
  for (const { matches, open, index } of LAYOUTS) {
    const found = matches(files);
    if (found.length === 0) continue;
    const map = index ? await readIndex(folder, found[0] as string) : undefined;
    const shards = map ? shardsOf(folder, map, found[0] as string, files) : found;
    const tensors = await openAll(folder, shards, open);
    if (map) assertComplete(folder, map, tensors);
    return tensorSource(folder, tensors);
  }
  throw checkpointError(
    folder.path,
    `it holds no weights; ${LAYOUTS.map(({ name }) => name).join(', ')} were looked for, and there ${files.length > 0 ? `is ${shortened(files)}` : 'is nothing'}`,
    'Pass the folder that the model was saved or downloaded to.',
  );
}

/** A few of them are enough to see what is wrong. */
function shortened(names: readonly string[]): string {
  const more = names.length - 8;
  return `${names.slice(0, 8).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** No index is as large: that of a thousand tensors has 100 KB. */
const MAX_INDEX_BYTES = 2 ** 26;

/** The file of each tensor. */
async function readIndex(folder: CheckpointFolder, file: string): Promise<Map<string, string>> {
  const fail = (what: string, cause?: unknown): never => {
    throw checkpointError(`${folder.path}/${file}`, what, FETCH_AGAIN, cause);
  };
  const size = await folder.size(file);
  if (size > MAX_INDEX_BYTES) fail(`it has ${size} bytes, too many for an index`);
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await folder.read(file, 0, size)));
  } catch (cause) {
    fail('it is not JSON', cause);
  }
  const map = plainObject(plainObject(index, 'the index', fail).weight_map, 'weight_map', fail);
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string')
      fail(`weight_map ${name} is ${JSON.stringify(shard)}; a file was expected`);
  }
  return new Map(Object.entries(map)) as Map<string, string>;
}

/** The files of an index, all of which must be there. */
function shardsOf(
  folder: CheckpointFolder,
  map: ReadonlyMap<string, string>,
  index: string,
  files: readonly string[],
): string[] {
  const shards = [...new Set(map.values())].sort();
  const missing = shards.filter((shard) => !files.includes(shard));
  if (missing.length === 0) return shards;
  throw checkpointError(
    folder.path,
    `${index} names ${shortened(missing)}, which ${missing.length === 1 ? 'is' : 'are'} not there`,
    'Fetch the missing files.',
  );
}

async function openAll(
  folder: CheckpointFolder,
  files: readonly string[],
  open: OpenFile,
): Promise<LocatedTensor[]> {
  const all: LocatedTensor[] = [];
  const seen = new Map<string, string>();
  for (const file of files) {
    for (const tensor of await open(folder, file)) {
      const other = seen.get(tensor.name);
      if (other !== undefined) {
        throw checkpointError(
          folder.path,
          `${tensor.name} is both in ${other} and in ${file}`,
          'These are files of several models; keep those of one.',
        );
      }
      seen.set(tensor.name, file);
      all.push(tensor);
    }
  }
  return all;
}

/** Every tensor of an index must be where it says. Others may be there too. */
function assertComplete(
  folder: CheckpointFolder,
  map: ReadonlyMap<string, string>,
  tensors: readonly LocatedTensor[],
): void {
  const real = new Map(tensors.map(({ name, file }) => [name, file]));
  const missing = [...map]
    .filter(([name, file]) => real.get(name) !== file)
    .map(([name, file]) => `${name} in ${file}`);
  if (missing.length === 0) return;
  throw checkpointError(
    folder.path,
    `the index says ${shortened(missing)}, but they are not there`,
    'The files are of different versions; fetch all of them again.',
  );
}
