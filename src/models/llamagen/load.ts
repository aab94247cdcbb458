import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { loadKernels } from '../../kernels/choice.js';
import { assertKnownOptions } from '../../options.js';
import { matricesByPath, replaceMatricesByPath } from '../backbone/block-matrices.js';
import { namedVariables } from '../backbone/named-variables.js';
import type { CheckpointFolder } from '../checkpoints/folder.js';
import { folderOf } from '../checkpoints/folder-of.js';
import type { LoadProgress } from '../checkpoints/load-progress.js';
import { withLoadedRecipe } from '../checkpoints/loaded-recipe.js';
import { openTensorFile } from '../checkpoints/open-file.js';
import type { TensorSource } from '../checkpoints/source.js';
import { pieceBytes } from '../estimate/tensor-limit.js';
import { createAdapters, type LoraAdapters } from '../lora/adapters.js';
import type { LoraOptions } from '../lora/options.js';
import { loadAdapters } from '../lora/peft-files.js';
import type { VqDecoderConfig } from '../vq/config.js';
import { disposeVqParameters } from '../vq/parameters.js';
import type { LlamaGenConfig } from './config.js';
import { findFiles, type LlamaGenFiles } from './files.js';
import { inferLlamaGenConfig, type LlamaGenSizeOptions } from './infer.js';
import { llamaGenPrefix } from './names.js';
import { blockPaths, type LlamaGenParameters } from './parameters.js';
import { planLlamaGen } from './plan.js';
import { type LlamaGenPolicy, llamaGenPolicy } from './policy.js';
import { assertLlamaGenFits, type LlamaGenWeights, type PlannedFile, readLlamaGen } from './read.js';
import { inspectTokenizer, planTokenizer, type TokenizerFile } from './tokenizer.js';

/** How `loadLlamaGen` loads. */
export interface LoadLlamaGenOptions extends LlamaGenFiles, LlamaGenSizeOptions {
  /** Train low-rank adapters beside the blocks' frozen matrices. Default: the whole transformer is trained. */
  readonly lora?: LoraOptions;
  /** Go on with adapters that `saveAdapters` saved: a directory or folder. Instead of `lora`. Default: none. */
  readonly adapters?: string | CheckpointFolder;
  /** Load without anything to train, with the adapters that are given. Default false. */
  readonly frozen?: boolean;
  /** Compute blocks again in the backward pass instead of keeping what they made: all, or how many, as `runBlocks` has it. Default true. */
  readonly checkpointing?: boolean | number;
  /**
   * The token embedding and head are kept in pieces of rows of at most so many bytes, trained or frozen. Default 512 MiB, or
   * what the backend allows for one tensor if that is less. Trained pieces are variables of their own, `output.weight.0`
   * and so on.
   */
  readonly maxTensorBytes?: number;
  /** Called after each tensor. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops the loading with an error of code `aborted`. */
  readonly signal?: AbortSignal;
}

const OPTIONS: readonly (keyof LoadLlamaGenOptions)[] = [
  ...(['size', 'heads', 'grid', 'transformer', 'tokenizer', 'lora'] as const),
  ...(['adapters', 'frozen', 'checkpointing', 'maxTensorBytes', 'onProgress', 'signal'] as const),
];

/** A policy from a checkpoint. */
export interface LlamaGenModel extends LlamaGenPolicy {
  /** The adapters beside the blocks' matrices, if any. */
  readonly adapters?: LoraAdapters;
  /** Where it was loaded from. */
  readonly folder: CheckpointFolder;
  /** The files there that were read. */
  readonly files: {
    /** The transformer's weights, such as `c2i_B_256.pt`. */
    readonly transformer: string;
    /** The image tokenizer's, such as `vq_ds16_c2i.pt`; absent if none was read. */
    readonly tokenizer?: string;
  };
  /** The transformer's file, of which `saveLlamaGen` copies what bicot did not train. */
  readonly source: TensorSource;
  /** The transformer's tensors, by published name and by `blockPaths`; `[in, out]` for what is multiplied by, in pieces. The model's. */
  readonly tensors: ReadonlyMap<string, readonly tf.Tensor[]>;
  /** What a person should know: tensors that were not read, a missing image tokenizer. */
  readonly notes: readonly string[];
}

/** A token is a square of so many pixels, in all published class and text models. */
const USUAL_FACTOR = 16;

/**
 * Loads LlamaGen: the transformer and the image tokenizer, two files of `torch.save` as they were published, or
 * safetensors with the same names. The files have no configuration: what the tensors tell of sizes is taken from them, and
 * whether classes or captions are drawn; heads are those of the published size, and the grid is by the file's name, unless
 * given. Everything is checked before the first tensor is read; tensors are read one by one, and a training script's
 * optimizer and options are left where they are.
 * @param from a directory (in Node), a URL, or a folder of the caller's making
 * @returns the caller disposes it; with a `recipe` for workers if the folder, and that of adapters, is a path or a URL
 * @throws BicotError `checkpoint` for files that are missing, damaged, no LlamaGen's or do not fit each other; `value` for
 * options that can't be; `aborted`
 */
export async function loadLlamaGen(
  from: string | CheckpointFolder,
  options: LoadLlamaGenOptions = {},
): Promise<LlamaGenModel> {
  assertOptions(options);
  await loadKernels();
  const folder = folderOf(from);
  const files = await findFiles(folder, options);
  const inspected =
    files.tokenizer === undefined
      ? undefined
      : inspectTokenizer(await openTensorFile(folder, files.tokenizer));
  const transformer = await planTransformer(folder, files.transformer, inspected, options);
  const tokenizer = inspected && planPictures(inspected, transformer.config);
  const { lora, adapters, frozen = false, signal } = options;
  const maxTensorBytes = pieceBytes('loadLlamaGen', options.maxTensorBytes);
  assertLlamaGenFits(transformer, tokenizer);
  const weights = await readLlamaGen(transformer, tokenizer, {
    trainable: !frozen && !lora && adapters === undefined,
    maxTensorBytes,
    onProgress: options.onProgress,
    check() {
      if (signal?.aborted) {
        throw new BicotError('aborted', `loadLlamaGen: loading ${folder.path} was aborted.`);
      }
    },
  });
  const notes = [
    ...notesOn(transformer),
    ...(tokenizer ? notesOn(tokenizer) : ['There is no image tokenizer: tokens can not become pictures.']),
  ];
  const made = await assemble(transformer.config, tokenizer?.config, weights, options);
  // Trained pieces are the same ones in workers, whatever their backend allows.
  // Workers make no pictures, so they load no image tokenizer; what it told is told to them.
  const again = {
    ...options,
    maxTensorBytes,
    transformer: files.transformer,
    tokenizer: false,
    grid: made.config.grid,
  };
  const loaded = { folder, files, source: transformer.source, tensors: weights.tensors, notes };
  return withLoadedRecipe({ ...made, ...loaded }, 'loadLlamaGen', from, again);
}

/** An option that would do nothing is refused. */
function assertOptions(options: LoadLlamaGenOptions): void {
  assertKnownOptions('loadLlamaGen', options, OPTIONS);
  const { lora, adapters, frozen = false } = options;
  if (lora && (frozen || adapters !== undefined)) {
    throw new BicotError(
      'value',
      `loadLlamaGen: lora makes new adapters, ${frozen ? 'and frozen trains nothing' : 'and adapters loads saved ones'}; give one of the two.`,
    );
  }
}

async function planTransformer(
  folder: CheckpointFolder,
  file: string,
  tokenizer: TokenizerFile | undefined,
  options: LlamaGenSizeOptions,
): Promise<PlannedFile<LlamaGenConfig>> {
  const source = await openTensorFile(folder, file);
  const prefix = llamaGenPrefix(source.tensors.keys(), source.path);
  const factor = tokenizer?.factor ?? USUAL_FACTOR;
  const config = inferLlamaGenConfig({ file, source, prefix, factor }, options);
  return { config, source, plan: planLlamaGen(config, source, prefix) };
}

function planPictures(
  file: TokenizerFile,
  { grid, vocabulary }: LlamaGenConfig,
): PlannedFile<VqDecoderConfig> {
  const config = file.config(grid);
  const plan = planTokenizer(config, file);
  if (config.codebookSize !== vocabulary) {
    throw new BicotError(
      'checkpoint',
      `${file.source.path} knows ${config.codebookSize} tokens, but the transformer writes ${vocabulary}. Use the image tokenizer that the transformer was trained with.`,
    );
  }
  return { config, source: file.source, plan };
}

function notesOn({ source, plan }: PlannedFile<unknown>): string[] {
  const count = plan.unused.length;
  return count === 0 ? [] : [`${source.path}: ${count} tensors that drawing does not need were not read.`];
}

/** Puts what was read together; after an error nothing is left of it. */
async function assemble(
  config: LlamaGenConfig,
  tokenizer: VqDecoderConfig | undefined,
  { parameters, tensors, vq }: LlamaGenWeights,
  options: LoadLlamaGenOptions,
): Promise<LlamaGenPolicy & { readonly adapters?: LoraAdapters }> {
  try {
    const adapters = await adaptersOf(parameters, options);
    const blocks = adapters
      ? replaceMatricesByPath(parameters.blocks, blockPaths, (path) => adapters.adapted.get(path))
      : parameters.blocks;
    const trained = adapters?.variables ?? namedVariables(tensors);
    const policy = llamaGenPolicy({
      ...{ config, parameters: { ...parameters, blocks }, checkpointing: options.checkpointing },
      variables: options.frozen ? {} : trained,
      ...(tokenizer && vq && { tokenizer: { config: tokenizer, parameters: vq } }),
      onDispose() {
        tf.dispose([...tensors.values()].flat());
        adapters?.dispose();
      },
    });
    return adapters ? { ...policy, adapters } : policy;
  } catch (error) {
    tf.dispose([...tensors.values()].flat());
    if (vq) disposeVqParameters(vq);
    throw error;
  }
}

async function adaptersOf(
  { blocks }: LlamaGenParameters,
  { lora, adapters }: LoadLlamaGenOptions,
): Promise<LoraAdapters | undefined> {
  const matrices = matricesByPath(blocks, blockPaths);
  if (lora) return createAdapters(matrices, lora);
  return adapters === undefined ? undefined : loadAdapters(folderOf(adapters), matrices);
}
