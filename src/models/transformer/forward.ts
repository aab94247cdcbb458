import * as tf from '@tensorflow/tfjs';
import { embed } from '../../kernels/embedding.js';
import { rmsNorm } from '../../kernels/rms-norm.js';
import type { Backbone } from '../backbone/blocks.js';
import type { Head } from '../backbone/decoder.js';
import { matrixHead } from '../backbone/matrix-head.js';
import type { TransformerConfig } from './config.js';
import type { TransformerParameters } from './parameters.js';

/** The blocks and the norm after them. */
export function backboneOf(config: TransformerConfig, parameters: TransformerParameters): Backbone {
  const { heads, rmsEpsilon } = config;
  const { blocks, finalNorm } = parameters;
  return { heads, rmsEpsilon, blocks, finalNorm };
}

/** The head of one of the two spaces. */
export function headOf(parameters: TransformerParameters, image: boolean): Head {
  return matrixHead([image ? parameters.imageHead : parameters.textHead]);
}

/**
 * Input embeddings of flattened sequences.
 * @param ids `[M]` rows of the joint table
 * @param imagePositions `[M]`
 * @returns `[M, d]`; the caller disposes it
 */
export function embedInputs(
  parameters: TransformerParameters,
  ids: Int32Array,
  imagePositions: Int32Array,
): tf.Tensor2D {
  return tf.tidy(() =>
    tf.add(
      embed(parameters.embedding as tf.Tensor2D, tf.tensor1d(ids, 'int32')),
      embed(parameters.imagePosition as tf.Tensor2D, tf.tensor1d(imagePositions, 'int32')),
    ),
  );
}

/**
 * Logits of some rows of the stream.
 * @param x `[M, d]`
 * @returns `[M, V]`; the caller disposes it
 */
export function runHead(
  config: TransformerConfig,
  parameters: TransformerParameters,
  x: tf.Tensor2D,
  image: boolean,
): tf.Tensor2D {
  return tf.tidy(() => headOf(parameters, image).logits(rmsNorm(x, parameters.finalNorm, config.rmsEpsilon)));
}
