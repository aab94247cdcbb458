import * as tf from '@tensorflow/tfjs';
import { concatHost } from '../../tensor/host-concat.js';
import type { WritableFolder } from '../checkpoints/folder.js';
import { encodeFloats, type FloatDtype, isFloatDtype } from '../checkpoints/half-precision.js';
import { openFolder } from '../checkpoints/node-folder.js';
import { reporting, type SaveProgress } from '../checkpoints/save-progress.js';
import { type WrittenTensor, writeCheckpoint } from '../checkpoints/write-checkpoint.js';
import { mergedValues, torchValues } from '../lora/merge.js';
import { readJson } from './files.js';
import type { JanusModel } from './load.js';
import { layoutName } from './names.js';

/** How `saveJanus` saves. */
export interface SaveJanusOptions {
  /** Number format of what was trained. Default: as the checkpoint had it. */
  readonly dtype?: FloatDtype;
  /** The most bytes of a shard. Default 5 GB, as Hugging Face. */
  readonly maxShardBytes?: number;
  /** Called after each tensor. */
  readonly onProgress?: (progress: SaveProgress) => void;
}

/** Numbers of a trained tensor in PyTorch's orientation. */
type Values = () => Promise<Float32Array>;

/**
 * Saves a whole checkpoint under the names that it was loaded with: adapters merged into their matrices, trained weights as
 * they are now, and everything else, what bicot did not read included, byte for byte. Written as safetensors, tensor by
 * tensor; configuration and tokenizer are copied.
 * @param to a directory (in Node), or a folder of the caller's making; not the one that was loaded
 * @throws BicotError `checkpoint` if it can't be written
 */
export async function saveJanus(
  model: JanusModel,
  to: string | WritableFolder,
  options: SaveJanusOptions = {},
): Promise<void> {
  const folder = typeof to === 'string' ? openFolder(to) : to;
  const tensors = tensorsToWrite(model, options.dtype);
  const reported = reporting(tensors, options.onProgress);
  await writeCheckpoint(folder, reported, { maxShardBytes: options.maxShardBytes });
  await copyBeside(model, folder);
}

function tensorsToWrite(model: JanusModel, dtype: FloatDtype | undefined): WrittenTensor[] {
  const { source } = model;
  const trained = trainedValues(model);
  const stored = [...source.tensors.values()].map((tensor): WrittenTensor => {
    const { name, shape } = tensor;
    const values = trained.get(name);
    if (!values) return { name, shape, dtype: tensor.dtype, bytes: () => source.readBytes(name) };
    const format = dtype ?? (isFloatDtype(tensor.dtype) ? tensor.dtype : 'F32');
    return { name, shape, dtype: format, bytes: async () => encodeFloats(await values(), format) };
  });
  // A head that was trained apart from the embedding it was tied to.
  const head = layoutName('language_model.lm_head.weight', model.layout);
  const values = trained.get(head);
  if (!values || source.tensors.has(head)) return stored;
  const { vocabulary, width } = model.config.language;
  const format = dtype ?? 'F32';
  return [
    ...stored,
    {
      ...{ name: head, shape: [vocabulary, width], dtype: format },
      bytes: async () => encodeFloats(await values(), format),
    },
  ];
}

/** What differs from the checkpoint, by its names there. */
function trainedValues({ tensors, layout, adapterOf }: JanusModel): Map<string, Values> {
  const found = new Map<string, Values>();
  for (const [name, pieces] of tensors) {
    const adapted = adapterOf?.(name.replace(/\.weight$/, ''));
    if (adapted) found.set(layoutName(name, layout), () => mergedValues(adapted));
    if (adapted || !pieces.some((piece) => piece instanceof tf.Variable)) continue;
    const asStored = pieces[0]?.rank === 1 || name.endsWith('embed_tokens.weight');
    found.set(layoutName(name, layout), async () => {
      const parts = await Promise.all(
        pieces.map((piece) =>
          asStored ? (piece.data() as Promise<Float32Array>) : torchValues(piece as tf.Tensor2D),
        ),
      );
      return parts.length === 1
        ? (parts[0] as Float32Array)
        : concatHost(parts, (length) => new Float32Array(length));
    });
  }
  return found;
}

/** Files of weights, and what says where they are. */
const WEIGHTS = /\.(safetensors|bin|pt|pth)(\.index\.json)?$/;

/** Configuration, tokenizer, whatever else lies beside the weights. */
async function copyBeside({ folder: from, layout }: JanusModel, to: WritableFolder): Promise<void> {
  for (const file of await from.list()) {
    if (WEIGHTS.test(file)) continue;
    if (file === 'config.json') {
      const config = (await readJson(from, file)) as object;
      // Hugging Face's Janus would otherwise overwrite the head with the embedding: tied is its default, and never true.
      const untied = layout === 'huggingface' ? { ...config, tie_word_embeddings: false } : config;
      await to.write(file, [new TextEncoder().encode(`${JSON.stringify(untied, undefined, 2)}\n`)]);
    } else {
      await to.write(file, [await from.read(file, 0, await from.size(file))]);
    }
  }
}
