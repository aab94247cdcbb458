import * as tf from '@tensorflow/tfjs';
import { asVariable } from '../../tensor/as-variable.js';
import { loadPieces } from '../checkpoints/load-pieces.js';
import { loadTensor } from '../checkpoints/load-tensor.js';
import { type ReadAllOptions, type ReadTask, readAll } from '../checkpoints/read-all.js';
import type { TensorSource } from '../checkpoints/source.js';
import { assertTensorsFit } from '../estimate/tensor-limit.js';
import type { VqDecoderConfig } from '../vq/config.js';
import { type VqParameters, vqParameters } from '../vq/parameters.js';
import { readVqParameter } from '../vq/read.js';
import type { LlamaGenConfig } from './config.js';
import { rotaryWeight } from './convert.js';
import { LLAMAGEN_NAMES } from './names.js';
import { blockPaths, type LlamaGenParameters, llamaGenParameters } from './parameters.js';
import type { PlannedTensor, TensorPlan } from './plan.js';

/** A file and what of it is to be read. */
export interface PlannedFile<Config> {
  readonly config: Config;
  readonly source: TensorSource;
  readonly plan: TensorPlan;
}

/** More about `readLlamaGen`. */
export interface ReadLlamaGenOptions extends ReadAllOptions {
  /** Whether tensors of the transformer become variables. */
  readonly trainable: boolean;
  /** Token embedding and head are kept in pieces of at most so many bytes. */
  readonly maxTensorBytes: number;
}

/** What was read. */
export interface LlamaGenWeights {
  readonly parameters: LlamaGenParameters;
  /** Of the transformer, by published name and by `blockPaths`; in pieces. */
  readonly tensors: ReadonlyMap<string, readonly tf.Tensor[]>;
  readonly vq?: VqParameters;
}

/** Looked up by row, and so kept as they are stored; other matrices are transposed to `[in, out]`. */
export const TABLES: readonly string[] = [LLAMAGEN_NAMES.classes, LLAMAGEN_NAMES.tokens];

/** Queries, keys and values below each other; read as three. */
const FUSED = /^layers\.(\d+)\.attention\.wqkv\.weight$/;

/** The two that can be too large for one buffer of a GPU. */
const IN_PIECES: readonly string[] = [LLAMAGEN_NAMES.tokens, LLAMAGEN_NAMES.head];

/**
 * Refuses files with tensors that the backend has no buffer for.
 * @throws BicotError `backend`
 */
export function assertLlamaGenFits(...files: readonly (PlannedFile<unknown> | undefined)[]): void {
  const tensors = files.flatMap((file) => file?.plan.tensors ?? []);
  const onDevice = tensors
    .filter(({ name }) => name !== LLAMAGEN_NAMES.noCaption)
    .map(({ name, shape }) => {
      const [rows, ...rest] = shape as [number, ...number[]];
      return { name, shape: FUSED.test(name) ? [rows / 3, ...rest] : shape };
    });
  assertTensorsFit('loadLlamaGen', onDevice, (name) => IN_PIECES.includes(name));
}

/**
 * Reads the weights tensor by tensor, so that never more than one is on the host.
 * @returns the caller disposes all of it; after an error nothing is left
 */
export async function readLlamaGen(
  transformer: PlannedFile<LlamaGenConfig>,
  tokenizer: PlannedFile<VqDecoderConfig> | undefined,
  options: ReadLlamaGenOptions,
): Promise<LlamaGenWeights> {
  const tensors = new Map<string, readonly tf.Tensor[]>();
  const decoder = new Map<string, tf.Tensor>();
  let noCaption: Float32Array | undefined;
  const kept = (tensor: tf.Tensor): tf.Tensor => (options.trainable ? asVariable(tensor) : tensor);
  const readTransformer = async ({ name, stored, shape }: PlannedTensor): Promise<void> => {
    const { config, source } = transformer;
    if (name === LLAMAGEN_NAMES.noCaption) {
      noCaption = await source.readFloats(stored);
      return;
    }
    const fused = FUSED.exec(name);
    if (fused) {
      for (const part of ['query', 'key', 'value'] as const) {
        const made = await readPart(config, source, stored, part);
        tensors.set(`${blockPaths(Number(fused[1]))[part]}.weight`, [kept(made)]);
      }
      return;
    }
    const transpose = shape.length === 2 && !TABLES.includes(name);
    if (IN_PIECES.includes(name)) {
      const how = { transpose, maxBytes: options.maxTensorBytes };
      tensors.set(name, (await loadPieces(source, { stored, shape }, how)).map(kept));
    } else {
      tensors.set(name, [kept(await loadTensor(source, stored, { transpose }))]);
    }
  };
  const readDecoder = async ({ source }: PlannedFile<VqDecoderConfig>, planned: PlannedTensor) => {
    decoder.set(planned.name, await readVqParameter(source, planned, planned.stored));
  };
  try {
    await readAll(
      [
        ...tasks(transformer, readTransformer),
        ...(tokenizer ? tasks(tokenizer, (planned) => readDecoder(tokenizer, planned)) : []),
      ],
      options,
    );
    return {
      parameters: llamaGenParameters(transformer.config, tensors, noCaption),
      tensors,
      ...(tokenizer && { vq: vqParameters(tokenizer.config, (name) => decoder.get(name)) }),
    };
  } catch (error) {
    tf.dispose([...[...tensors.values()].flat(), ...decoder.values()]);
    throw error;
  }
}

/** Rows of the fused matrix: queries, keys, values below each other. */
const PARTS = { query: 0, key: 1, value: 2 } as const;

/** One of the three parts of an attention's fused matrix, `[in, out]`. */
async function readPart(
  { width, heads }: LlamaGenConfig,
  source: TensorSource,
  stored: string,
  part: keyof typeof PARTS,
): Promise<tf.Tensor> {
  const rows = { begin: PARTS[part] * width, end: (PARTS[part] + 1) * width };
  if (part === 'value') return loadTensor(source, stored, { transpose: true, rows });
  return tf.tensor2d(rotaryWeight(await source.readFloats(stored, rows), width, heads), [width, width]);
}

function tasks<Config>(
  { source, plan }: PlannedFile<Config>,
  read: (planned: PlannedTensor) => Promise<void>,
): ReadTask[] {
  return plan.tensors.map((planned) => ({ source, stored: planned.stored, run: () => read(planned) }));
}
