import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { loadKernels } from '../../kernels/choice.js';
import { assertKnownOptions } from '../../options.js';
import type { AdaptedMatrix } from '../backbone/matrix.js';
import { namedVariables } from '../backbone/named-variables.js';
import type { CheckpointFolder } from '../checkpoints/folder.js';
import { folderOf } from '../checkpoints/folder-of.js';
import type { LoadProgress } from '../checkpoints/load-progress.js';
import { withLoadedRecipe } from '../checkpoints/loaded-recipe.js';
import { openTensors } from '../checkpoints/open-tensors.js';
import type { TensorSource } from '../checkpoints/source.js';
import { assertTensorsFit, pieceBytes } from '../estimate/tensor-limit.js';
import { createAdapters, type LoraAdapters } from '../lora/adapters.js';
import { type LoraOptions, largestRank } from '../lora/options.js';
import { loadAdapters, readAdapterSettings } from '../lora/peft-files.js';
import { disposeVqParameters } from '../vq/parameters.js';
import { type JanusConfig, type JanusLayout, parseJanusConfig } from './config.js';
import { readJson } from './files.js';
import { assertJanusFits, assertWeightsFit, type JanusMemory } from './fit.js';
import { isUnused, layoutName, layoutOf } from './names.js';
import { blockMatrices, type JanusParameters, replaceMatrices } from './parameters.js';
import { planJanus } from './plan.js';
import { type JanusPolicy, janusPolicy } from './policy.js';
import { isInPieces, readJanusWeights } from './read.js';
import { type JanusTokenizer, janusTokenizer } from './tokenizer.js';

/** How `loadJanus` loads. */
export interface LoadJanusOptions {
  /** Train low-rank adapters beside frozen matrices. Default: the language model itself is trained, as in T2I-R1. */
  readonly lora?: LoraOptions;
  /** Go on with adapters that were saved by `saveAdapters` or by PEFT: a directory or folder. Instead of `lora`. Default: none. */
  readonly adapters?: string | CheckpointFolder;
  /** Load without anything to train, with the adapters that are given. Default false. */
  readonly frozen?: boolean;
  /** Compute blocks again in the backward pass instead of keeping what they made: all, or how many, as `runBlocks` has it. Default true. */
  readonly checkpointing?: boolean | number;
  /**
   * The text embedding and head are kept in pieces of rows of at most so many bytes, trained or frozen. Default 512 MiB, or
   * what the backend allows for one tensor if that is less. Trained pieces are variables of their own, `….weight.0` and so
   * on: give one number where their values go from one backend to another.
   */
  readonly maxTensorBytes?: number;
  /** Estimate what training takes before anything is read, and refuse what can't fit. Default: only that weights fit wasm. */
  readonly memory?: JanusMemory;
  /** Let pass tensors that are not Janus's. Default false: they are an error. */
  readonly allowLeftOver?: boolean;
  /** Called after each tensor. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Stops the loading with an error of code `aborted`. */
  readonly signal?: AbortSignal;
}

const OPTIONS: readonly (keyof LoadJanusOptions)[] = [
  ...(['lora', 'adapters', 'frozen', 'checkpointing', 'maxTensorBytes', 'memory'] as const),
  ...(['allowLeftOver', 'onProgress', 'signal'] as const),
];

/** A policy from a checkpoint. */
export interface JanusModel extends JanusPolicy {
  /** Of the checkpoint's `tokenizer.json`. */
  readonly tokenizer: JanusTokenizer;
  /** How the checkpoint names its tensors. */
  readonly layout: JanusLayout;
  /** The adapters that are trained, if any. */
  readonly adapters?: LoraAdapters;
  /** The adapted matrix of a module by DeepSeek's path, if it has an adapter. Absent without adapters. */
  readonly adapterOf?: (path: string) => AdaptedMatrix | undefined;
  /** Where it was loaded from. */
  readonly folder: CheckpointFolder;
  /** The checkpoint's tensors, of which `saveJanus` copies those that bicot did not train. */
  readonly source: TensorSource;
  /** All tensors but the image decoder's, by DeepSeek's names; `[in, out]` for matrices. The model's. */
  readonly tensors: ReadonlyMap<string, readonly tf.Tensor[]>;
  /** What a person should know: a head that is the embedding, tensors that were not read. */
  readonly notes: readonly string[];
}

/**
 * Loads Janus-Pro: `config.json`, `tokenizer.json` and the weights, from safetensors or PyTorch's `.bin` files, in one or
 * several shards, under DeepSeek's names or those of the Hugging Face port. Tensors are read one by one; those for the
 * understanding of images are left where they are. Everything is checked against `config.json` before the first is read, and
 * with `memory` that a training fits.
 * @param from a directory (in Node), a URL, or a folder of the caller's making
 * @returns the caller disposes it; with a `recipe` for workers if the folder, and that of adapters, is a path or a URL
 * @throws BicotError `checkpoint` for a folder that isn't Janus, is damaged, or does not fit its config.json; `value` for
 * options that can't be; `aborted`
 */
export async function loadJanus(
  from: string | CheckpointFolder,
  options: LoadJanusOptions = {},
): Promise<JanusModel> {
  assertOptions(options);
  await loadKernels();
  const folder = folderOf(from);
  const config = parseJanusConfig(await readJson(folder, 'config.json'), `${folder.path}: config.json`);
  const tokenizer = await loadTokenizer(folder, config);
  const source = await openTensors(folder);
  const plan = planJanus(config, source, options.allowLeftOver);
  const { lora, frozen = false, signal } = options;
  const maxTensorBytes = pieceBytes('loadJanus', options.maxTensorBytes);
  assertWeightsFit(config);
  assertTensorsFit('loadJanus', plan.tensors, isInPieces);
  if (options.memory) {
    const rank = await adaptersRank(options);
    assertJanusFits(config, options.memory, { rank, checkpointing: options.checkpointing });
  }
  const weights = await readJanusWeights(config, plan, source, {
    trainable: !frozen && !lora && options.adapters === undefined,
    maxTensorBytes,
    onProgress: options.onProgress,
    check() {
      if (signal?.aborted) throw new BicotError('aborted', `loadJanus: loading ${folder.path} was aborted.`);
    },
  });
  const { tensors } = weights;
  let adapters: NamedAdapters | undefined;
  try {
    adapters = await adaptersOf(weights.parameters, plan.layout, options);
  } catch (error) {
    tf.dispose([...tensors.values()] as tf.TensorContainer);
    disposeVqParameters(weights.parameters.vq);
    throw error;
  }
  const parameters = adapters
    ? { ...weights.parameters, blocks: replaceMatrices(weights.parameters.blocks, adapters.of) }
    : weights.parameters;
  const policy = janusPolicy({
    ...{ config, parameters, tokenizer, tokens: tokenizer.tokens },
    variables: frozen ? {} : (adapters?.all.variables ?? namedVariables(tensors)),
    checkpointing: options.checkpointing,
    onDispose: () => adapters?.all.dispose(),
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
  const model: JanusModel = {
    ...{ ...policy, tokenizer, layout: plan.layout, folder, source, tensors, notes },
    ...(adapters && { adapters: adapters.all, adapterOf: adapters.of }),
  };
  // Whether a training fits is not asked again.
  const { memory: _, ...rest } = options;
  // Trained pieces are the same ones in workers, whatever their backend allows.
  const again = { ...rest, maxTensorBytes };
  return withLoadedRecipe(model, 'loadJanus', from, again);
}

/** An option that would do nothing is refused. */
function assertOptions(options: LoadJanusOptions): void {
  assertKnownOptions('loadJanus', options, OPTIONS);
  const { lora, adapters, frozen = false } = options;
  if (lora && (frozen || adapters !== undefined)) {
    throw new BicotError(
      'value',
      `loadJanus: lora makes new adapters, ${frozen ? 'and frozen trains nothing' : 'and adapters loads saved ones'}; give one of the two.`,
    );
  }
}

/** The largest rank of the adapters there will be; 0 without any. */
async function adaptersRank({ lora, adapters }: LoadJanusOptions): Promise<number> {
  const settings = adapters === undefined ? lora : await readAdapterSettings(folderOf(adapters));
  return settings ? largestRank(settings) : 0;
}

/** Adapters, found by DeepSeek's paths whatever they are called. */
interface NamedAdapters {
  readonly all: LoraAdapters;
  readonly of: (path: string) => AdaptedMatrix | undefined;
}

async function adaptersOf(
  parameters: JanusParameters,
  layout: JanusLayout,
  { lora, adapters: saved }: LoadJanusOptions,
): Promise<NamedAdapters | undefined> {
  const matrices = blockMatrices(parameters);
  const inLayout = (named: JanusLayout) =>
    new Map([...matrices].map(([path, matrix]) => [layoutName(path, named), matrix]));
  // PEFT's files name modules as the model that they were trained on does, which may be the other layout.
  let names = layout;
  const load = (folder: CheckpointFolder) =>
    loadAdapters(
      folder,
      (paths) => {
        names = layoutOf(paths) ?? layout;
        return inLayout(names);
      },
      isUnused,
    );
  const all =
    saved !== undefined
      ? await load(folderOf(saved))
      : lora
        ? createAdapters(inLayout(layout), lora)
        : undefined;
  return all && { all, of: (path) => all.adapted.get(layoutName(path, names)) };
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
