import * as tf from '@tensorflow/tfjs';
import { causalAttention } from '../../kernels/causal-attention.js';
import { embed } from '../../kernels/embedding.js';
import { linear, projections } from '../../kernels/linear.js';
import { addRmsNorm, rmsNorm } from '../../kernels/rms-norm.js';
import type { RotaryTables } from '../../kernels/rotary.js';
import { swiglu } from '../../kernels/swiglu.js';
import type { TransformerConfig } from './config.js';
import type { BlockParameters, TransformerParameters } from './parameters.js';

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

/** Keys and values of one block before the rotation, `[B·T, d]` each. */
export interface BlockKeyValues {
  readonly keys: tf.Tensor2D;
  readonly values: tf.Tensor2D;
}

/**
 * All pre-norm blocks over whole sequences: `x + attention(norm x)`, then `x + swiglu(norm x)`.
 * @param x `[B·T, d]`
 * @param rotary tables of the T positions
 * @param onBlock is shown the keys and values of each block, for a cache; they are its caller's only during the call
 * @returns the stream `[B·T, d]`; the caller disposes it
 */
export function runBlocks(
  config: TransformerConfig,
  parameters: TransformerParameters,
  x: tf.Tensor2D,
  rotary: RotaryTables,
  onBlock?: (block: number, made: BlockKeyValues) => void,
): tf.Tensor2D {
  return tf.tidy(() => {
    const { heads, rmsEpsilon } = config;
    const { blocks } = parameters;
    let stream = x;
    let normed = rmsNorm(x, (blocks[0] as BlockParameters).attentionNorm, rmsEpsilon);
    blocks.forEach((block, i) => {
      const [queries, keys, values] = projections(normed, [block.query, block.key, block.value]) as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
      ];
      onBlock?.(i, { keys, values });
      const attended = causalAttention(queries, keys, values, rotary, heads);
      ({ stream, normed } = addRmsNorm(stream, linear(attended, block.output), block.mlpNorm, rmsEpsilon));
      const [gate, up] = projections(normed, [block.gate, block.up]) as [tf.Tensor2D, tf.Tensor2D];
      const branch = linear(swiglu(gate, up), block.down);
      const next = blocks[i + 1];
      if (next) ({ stream, normed } = addRmsNorm(stream, branch, next.attentionNorm, rmsEpsilon));
      else stream = tf.add(stream, branch);
    });
    return stream;
  });
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
  return tf.tidy(() => {
    const normed = rmsNorm(x, parameters.finalNorm, config.rmsEpsilon);
    return linear(normed, image ? parameters.imageHead : parameters.textHead);
  });
}
