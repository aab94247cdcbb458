import * as tf from '@tensorflow/tfjs';
import { asVariable } from '../../tensor/as-variable.js';
import { loadTensor } from '../checkpoints/load-tensor.js';
import { type ReadAllOptions, type ReadTask, readAll } from '../checkpoints/read-all.js';
import type { TensorSource } from '../checkpoints/source.js';
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
}

/** What was read. */
export interface LlamaGenWeights {
  readonly parameters: LlamaGenParameters;
  /** Of the transformer, by published name and by `blockPaths`. */
  readonly tensors: ReadonlyMap<string, tf.Tensor>;
  readonly vq?: VqParameters;
}

/** Looked up by row, and so kept as they are stored; other matrices are transposed to `[in, out]`. */
export const TABLES: readonly string[] = [LLAMAGEN_NAMES.classes, LLAMAGEN_NAMES.tokens];

/**
 * Reads the weights tensor by tensor, so that never more than one is on the host.
 * @returns the caller disposes all of it; after an error nothing is left
 */
export async function readLlamaGen(
  transformer: PlannedFile<LlamaGenConfig>,
  tokenizer: PlannedFile<VqDecoderConfig> | undefined,
  options: ReadLlamaGenOptions,
): Promise<LlamaGenWeights> {
  const tensors = new Map<string, tf.Tensor>();
  const decoder = new Map<string, tf.Tensor>();
  let noCaption: Float32Array | undefined;
  const kept = (tensor: tf.Tensor): tf.Tensor => (options.trainable ? asVariable(tensor) : tensor);
  const readTransformer = async ({ name, stored, shape }: PlannedTensor): Promise<void> => {
    const { config, source } = transformer;
    if (name === LLAMAGEN_NAMES.noCaption) {
      noCaption = await source.readFloats(stored);
      return;
    }
    const fused = /^layers\.(\d+)\.attention\.wqkv\.weight$/.exec(name);
    if (fused) {
      for (const part of ['query', 'key', 'value'] as const) {
        const made = await readPart(config, source, stored, part);
        tensors.set(`${blockPaths(Number(fused[1]))[part]}.weight`, kept(made));
      }
      return;
    }
    const transpose = shape.length === 2 && !TABLES.includes(name);
    tensors.set(name, kept(await loadTensor(source, stored, { transpose })));
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
    tf.dispose([...tensors.values(), ...decoder.values()]);
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
