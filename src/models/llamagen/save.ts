import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import { concatHost } from '../../tensor/host-concat.js';
import { transposed } from '../../tensor/transposed.js';
import { mergedWeight } from '../backbone/matrix.js';
import type { CheckpointFolder, WritableFolder } from '../checkpoints/folder.js';
import { encodeFloats, type FloatDtype, isFloatDtype } from '../checkpoints/half-precision.js';
import { openFolder } from '../checkpoints/node-folder.js';
import { reporting, type SaveProgress } from '../checkpoints/save-progress.js';
import { type WrittenTensor, writeCheckpoint } from '../checkpoints/write-checkpoint.js';
import { publishedRotaryWeight } from './convert.js';
import { isWeights } from './files.js';
import type { LlamaGenModel } from './load.js';
import { llamaGenBlockNames, llamaGenPrefix } from './names.js';
import { blockPaths } from './parameters.js';
import { TABLES } from './read.js';

/** How `saveLlamaGen` saves. */
export interface SaveLlamaGenOptions {
  /** Number format of what was trained. Default: as the checkpoint had it. */
  readonly dtype?: FloatDtype;
  /** Called after each tensor of the transformer. */
  readonly onProgress?: (progress: SaveProgress) => void;
}

/** Numbers of a trained tensor in PyTorch's orientation and order of channels. */
type Values = () => Promise<Float32Array>;

/**
 * Saves the model as the files that `loadLlamaGen` reads: the transformer as safetensors, under the published names and in
 * their shapes, and a copy of the image tokenizer's file if it was loaded. Adapters are merged into their matrices, trained
 * weights are as they are now, everything else of the model is copied byte for byte; what a training script kept beside it is
 * left out. The transformer's file keeps its name but for the ending, so that the grid can be read off it again.
 * @param to a directory (in Node), or a folder of the caller's making, without other weights in it
 * @throws BicotError `checkpoint` if it can't be written, or holds other weights; `value` for options that don't exist
 */
export async function saveLlamaGen(
  model: LlamaGenModel,
  to: string | WritableFolder,
  options: SaveLlamaGenOptions = {},
): Promise<void> {
  assertKnownOptions('saveLlamaGen', options, ['dtype', 'onProgress']);
  const folder = typeof to === 'string' ? openFolder(to) : to;
  const { transformer, tokenizer } = model.files;
  const file = transformer.replace(/\.[^.]+$/, '.safetensors');
  await assertNoOthers(folder, [file, ...(tokenizer === undefined ? [] : [tokenizer])]);
  if (tokenizer !== undefined) await folder.write(tokenizer, piecesOf(model.folder, tokenizer));
  const tensors = reporting(tensorsToWrite(model, options.dtype), options.onProgress);
  await writeCheckpoint(folder, tensors, { file });
}

function tensorsToWrite(model: LlamaGenModel, dtype: FloatDtype | undefined): WrittenTensor[] {
  const { source } = model;
  const prefix = llamaGenPrefix(source.tensors.keys(), source.path);
  const trained = trainedValues(model);
  return [...source.tensors.values()]
    .filter((tensor) => tensor.name.startsWith(prefix))
    .map(({ name: stored, shape, dtype: own }): WrittenTensor => {
      const name = stored.slice(prefix.length);
      const values = trained.get(name);
      if (!values) return { name, shape, dtype: own, bytes: () => source.readBytes(stored) };
      const format = dtype ?? (isFloatDtype(own) ? own : 'F32');
      return { name, shape, dtype: format, bytes: async () => encodeFloats(await values(), format) };
    });
}

/** What differs from the checkpoint, by published names. */
function trainedValues(model: LlamaGenModel): Map<string, Values> {
  const { config, tensors, adapters } = model;
  const { width, heads } = config;
  const adaptedOf = (name: string) => adapters?.adapted.get(name.replace(/\.weight$/, ''));
  const isTrained = (name: string) =>
    adaptedOf(name) !== undefined || tensors.get(name)?.[0] instanceof tf.Variable;
  const values = async (name: string, piece = 0): Promise<Float32Array> => {
    const adapted = adaptedOf(name);
    const pieces = tensors.get(name) as readonly tf.Tensor[];
    if (!adapted) return (pieces[piece] as tf.Tensor).data() as Promise<Float32Array>;
    const merged = mergedWeight(adapted);
    try {
      return (await merged.data()) as Float32Array;
    } finally {
      merged.dispose();
    }
  };
  const found = new Map<string, Values>();
  const parts = new Set<string>();
  for (let layer = 0; layer < config.layers; layer++) {
    const { query, key, value } = blockPaths(layer);
    const names = [query, key, value].map((path) => `${path}.weight`) as [string, string, string];
    for (const name of names) parts.add(name);
    if (!names.some(isTrained)) continue;
    const rotary = async (name: string) => publishedRotaryWeight(await values(name), width, heads);
    found.set(llamaGenBlockNames(layer).queryKeyValue, async () =>
      concatHost(
        [
          ...[await rotary(names[0]), await rotary(names[1])],
          transposed(await values(names[2]), width, width),
        ],
        (length) => new Float32Array(length),
      ),
    );
  }
  for (const [name, pieces] of tensors) {
    if (parts.has(name) || !isTrained(name)) continue;
    const asStored = pieces[0]?.rank === 1 || TABLES.includes(name);
    found.set(name, async () => {
      const stored = await Promise.all(
        pieces.map(async ({ shape }, i) => {
          const [rows, columns] = shape as [number, number];
          return asStored ? values(name, i) : transposed(await values(name, i), rows, columns);
        }),
      );
      const [only, ...others] = stored;
      return others.length === 0
        ? (only as Float32Array)
        : concatHost(stored, (length) => new Float32Array(length));
    });
  }
  return found;
}

/** Weights beside those that are written would leave a reader the choice. */
async function assertNoOthers(folder: WritableFolder, own: readonly string[]): Promise<void> {
  // A folder that is not there has none.
  const files = await folder.list().catch((): string[] => []);
  const others = files.filter((file) => isWeights(file) && !own.includes(file));
  if (others.length === 0) return;
  throw new BicotError(
    'checkpoint',
    `saveLlamaGen: ${folder.path} holds other weights (${others.slice(0, 8).join(', ')}), among which loadLlamaGen could not tell which to read. Save to a folder of its own.`,
  );
}

/** No more of a file than this is in memory at once. */
const PIECE_BYTES = 2 ** 26;

async function* piecesOf(folder: CheckpointFolder, file: string): AsyncGenerator<Uint8Array> {
  const size = await folder.size(file);
  for (let begin = 0; begin < size; begin += PIECE_BYTES) {
    yield await folder.read(file, begin, Math.min(size, begin + PIECE_BYTES));
  }
}
