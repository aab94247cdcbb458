import * as tf from '@tensorflow/tfjs';
import { asVariable } from '../../tensor/as-variable.js';
import { loadPieces } from '../checkpoints/load-pieces.js';
import { loadTensor } from '../checkpoints/load-tensor.js';
import { type ReadAllOptions, readAll } from '../checkpoints/read-all.js';
import type { TensorSource } from '../checkpoints/source.js';
import { vqParameters } from '../vq/parameters.js';
import { readVqParameter } from '../vq/read.js';
import type { JanusConfig } from './config.js';
import { VQ_PREFIX } from './names.js';
import { isTrained, type JanusParameters, janusParameters } from './parameters.js';
import type { JanusPlan, PlannedTensor } from './plan.js';

/** More about `readJanusWeights`. */
export interface ReadWeightsOptions extends ReadAllOptions {
  /** Whether the language model's tensors become variables. */
  readonly trainable: boolean;
  /** The text embedding and head are kept in pieces of at most so many bytes. */
  readonly maxTensorBytes: number;
}

/** What was read. */
export interface JanusWeights {
  readonly parameters: JanusParameters;
  /** All tensors but the image decoder's, by DeepSeek's names; `[in, out]`, in pieces. */
  readonly tensors: ReadonlyMap<string, readonly tf.Tensor[]>;
}

/** The two that can be too large for one buffer of a GPU. */
const IN_PIECES: readonly string[] = [
  'language_model.model.embed_tokens.weight',
  'language_model.lm_head.weight',
];
/** Whether a tensor is kept in as many pieces as the device wants. */
export const isInPieces = (name: string): boolean => IN_PIECES.includes(name);

/** Looked up by row, and so kept as they are stored; other matrices are transposed to `[in, out]`. */
const TABLES = ['language_model.model.embed_tokens.weight', 'gen_embed.weight'];

/**
 * Reads the weights tensor by tensor, so that never more than one is on the host.
 * @returns the caller disposes all of it; after an error nothing is left
 */
export async function readJanusWeights(
  config: JanusConfig,
  plan: JanusPlan,
  source: TensorSource,
  options: ReadWeightsOptions,
): Promise<JanusWeights> {
  const tensors = new Map<string, readonly tf.Tensor[]>();
  const decoder = new Map<string, tf.Tensor>();
  const read = async (planned: PlannedTensor): Promise<void> => {
    const { name, shape, stored } = planned;
    if (name.startsWith(VQ_PREFIX)) {
      const own = name.slice(VQ_PREFIX.length);
      decoder.set(own, await readVqParameter(source, { name: own, shape }, stored));
    } else {
      const variable = options.trainable && isTrained(name);
      tensors.set(name, await readPieces(source, planned, options, variable));
    }
  };
  try {
    await readAll(
      plan.tensors.map((planned) => ({ source, stored: planned.stored, run: () => read(planned) })),
      options,
    );
  } catch (error) {
    tf.dispose([...tensors.values(), ...decoder.values()] as tf.TensorContainer);
    throw error;
  }
  const pieces = (name: string): readonly tf.Tensor[] => tensors.get(name) as readonly tf.Tensor[];
  const parameters = janusParameters(config.language.layers, {
    one: (name) => pieces(name)[0] as tf.Tensor,
    pieces,
    vq: vqParameters(config.vq, (name) => decoder.get(name) as tf.Tensor),
  });
  return { parameters, tensors };
}

async function readPieces(
  source: TensorSource,
  planned: PlannedTensor,
  { maxTensorBytes }: ReadWeightsOptions,
  variable: boolean,
): Promise<tf.Tensor[]> {
  const { name, shape, stored } = planned;
  const transpose = shape.length === 2 && !TABLES.includes(name);
  const pieces = isInPieces(name)
    ? await loadPieces(source, planned, { transpose, maxBytes: maxTensorBytes })
    : [await loadTensor(source, stored, { transpose })];
  return variable ? pieces.map(asVariable) : pieces;
}
