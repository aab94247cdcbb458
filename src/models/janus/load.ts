import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import type { CheckpointFolder } from '../checkpoints/folder.js';
import { folderOf } from '../checkpoints/folder-of.js';
import type { LoadProgress } from '../checkpoints/load-progress.js';
import { openTensors } from '../checkpoints/open-tensors.js';
import type { TensorSource } from '../checkpoints/source.js';
import { createAdapters, type LoraAdapters } from '../lora/adapters.js';
import type { LoraOptions } from '../lora/options.js';
import { type JanusConfig, type JanusLayout, parseJanusConfig } from './config.js';
import { readJson } from './files.js';
import { layoutName } from './names.js';
import { blockMatrices, namedVariables, replaceMatrices } from './parameters.js';
import { planJanus } from './plan.js';
import { type JanusPolicy, janusPolicy } from './policy.js';
import { readJanusWeights } from './read.js';
import { type JanusTokenizer, janusTokenizer } from './tokenizer.js';

/** How `loadJanus` loads. */
export interface LoadJanusOptions {
  /** Train low-rank adapters beside frozen matrices. Default: the language model itself is trained, as in T2I-R1. */
  readonly lora?: LoraOptions;
  /** Load without anything to train. Default false. */
  readonly frozen?: boolean;
  /** Compute each block again in the backward pass instead of keeping what it made. Default true. */
  readonly checkpointing?: boolean;
  /** The text embedding and head are kept in pieces of at most so many bytes, for devices whose buffers are limited. Default 512 MiB. */
  readonly maxTensorBytes?: number;
  /** Let pass tensors that are not Janus's. Default false: they are an error. */
  readonly allowLeftOver?: boolean;
  /** Called after each tensor. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops the loading with an error of code `aborted`. */
  readonly signal?: AbortSignal;
}

/** A policy from a checkpoint. */
export interface JanusModel extends JanusPolicy {
  readonly tokenizer: JanusTokenizer;
  /** How the checkpoint names its tensors. */
  readonly layout: JanusLayout;
  /** The adapters that are trained, if any. */
  readonly adapters?: LoraAdapters;
  /** Where it was loaded from. */
  readonly folder: CheckpointFolder;
  /** The checkpoint's tensors, of which `saveJanus` copies those that bicot did not train. */
  readonly source: TensorSource;
  /** All tensors but the image decoder's, by DeepSeek's names; `[in, out]` for matrices. The model's. */
  readonly tensors: ReadonlyMap<string, readonly tf.Tensor[]>;
  /** What a person should know: a head that is the embedding, tensors that were not read. */
  readonly notes: readonly string[];
}

/** Half a GiB: what any GPU's buffer holds, and few pieces. */
const PIECE_BYTES = 2 ** 29;

/**
 * Loads Janus-Pro: `config.json`, `tokenizer.json` and the weights, from safetensors or PyTorch's `.bin` files, in one or
 * several shards, under DeepSeek's names or those of the Hugging Face port. Tensors are read one by one; those for the
 * understanding of images are left where they are. Everything is checked against `config.json` before the first is read.
 * @param from a directory (in Node), a URL, or a folder of the caller's making
 * @returns the caller disposes it
 * @throws BicotError `checkpoint` for a folder that isn't Janus, is damaged, or does not fit its config.json; `aborted`
 */
export async function loadJanus(
  from: string | CheckpointFolder,
  options: LoadJanusOptions = {},
): Promise<JanusModel> {
  const folder = folderOf(from);
  const config = parseJanusConfig(await readJson(folder, 'config.json'), `${folder.path}: config.json`);
  const tokenizer = await loadTokenizer(folder, config);
  const source = await openTensors(folder);
  const plan = planJanus(config, source, options.allowLeftOver);
  const { lora, frozen = false, signal } = options;
  const weights = await readJanusWeights(config, plan, source, {
    trainable: !frozen && !lora,
    maxTensorBytes: options.maxTensorBytes ?? PIECE_BYTES,
    onProgress: options.onProgress,
    check() {
      if (signal?.aborted) throw new BicotError('aborted', `loadJanus: loading ${folder.path} was aborted.`);
    },
  });
  const { tensors } = weights;
  const inLayout = (path: string) => layoutName(path, plan.layout);
  const adapters =
    lora && !frozen ? createAdapters(renamed(blockMatrices(weights.parameters), inLayout), lora) : undefined;
  const parameters = adapters
    ? {
        ...weights.parameters,
        blocks: replaceMatrices(weights.parameters.blocks, (path) => adapters.adapted.get(inLayout(path))),
      }
    : weights.parameters;
  const policy = janusPolicy({
    ...{ config, parameters, tokenizer, tokens: tokenizer.tokens },
    variables: adapters?.variables ?? namedVariables(tensors),
    checkpointing: options.checkpointing,
    onDispose: () => adapters?.dispose(),
  });
  const notes = [
    ...(plan.tiedHead
      ? ['The checkpoint has no text head of its own; the text embedding stands for it.']
      : []),
    ...(plan.unused.length > 0
      ? [
          `${plan.unused.length} tensors that drawing does not need were not read (image understanding, image encoder).`,
        ]
      : []),
  ];
  return { ...policy, tokenizer, layout: plan.layout, adapters, folder, source, tensors, notes };
}

async function loadTokenizer(folder: CheckpointFolder, config: JanusConfig): Promise<JanusTokenizer> {
  const files = await folder.list();
  const tokenizer = janusTokenizer(
    await readJson(folder, 'tokenizer.json'),
    files.includes('tokenizer_config.json') ? await readJson(folder, 'tokenizer_config.json') : {},
    `${folder.path}: tokenizer.json`,
  );
  if (tokenizer.size > config.language.vocabulary) {
    throw new BicotError(
      'checkpoint',
      `${folder.path}: tokenizer.json has ids up to ${tokenizer.size - 1}, but the model's vocabulary ends at ${config.language.vocabulary - 1}. It is the tokenizer of another model; use the checkpoint's own.`,
    );
  }
  return tokenizer;
}

function renamed<T>(named: ReadonlyMap<string, T>, rename: (name: string) => string): Map<string, T> {
  return new Map([...named].map(([name, value]) => [rename(name), value]));
}
