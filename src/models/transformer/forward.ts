import * as tf from '@tensorflow/tfjs';
import { attention } from '../../kernels/attention.js';
import { embed } from '../../kernels/embedding.js';
import { linear } from '../../kernels/linear.js';
import { rmsNorm } from '../../kernels/rms-norm.js';
import { type RotaryTables, rotate } from '../../kernels/rotary.js';
import { swiglu } from '../../kernels/swiglu.js';
import type { TransformerConfig } from './config.js';
import type { BlockParameters, TransformerParameters } from './parameters.js';

/** Keys and values of one block, `[B, H, S, D]` each. */
export interface KeyValues {
  readonly keys: tf.Tensor4D;
  readonly values: tf.Tensor4D;
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
 * One pre-norm block: `x + attention(norm x)`, then `x + swiglu(norm x)`.
 * @param x `[B·T, d]`
 * @param rotary tables of the positions of x
 * @param mask added to the scores, broadcastable to `[B, H, T, S]`
 * @param past earlier keys and values, put before this call's own
 * @returns the new stream `[B·T, d]` and the keys and values attended to; the caller disposes all three
 */
export function runBlock(
  config: TransformerConfig,
  block: BlockParameters,
  x: tf.Tensor2D,
  batch: number,
  rotary: RotaryTables,
  mask: tf.Tensor,
  past?: KeyValues,
): KeyValues & { readonly stream: tf.Tensor2D } {
  return tf.tidy(() => {
    const { heads, width, rmsEpsilon } = config;
    const tokens = x.shape[0] / batch;
    // [B·T, d] to [B, T, H, D] and from there to [B, H, T, D]
    const toHeads = (y: tf.Tensor2D): tf.Tensor4D => tf.reshape(y, [batch, tokens, heads, width / heads]);
    const headsFirst = (y: tf.Tensor4D): tf.Tensor4D => tf.transpose(y, [0, 2, 1, 3]);

    const normed = rmsNorm(x, block.attentionNorm, rmsEpsilon);
    const query = headsFirst(rotate(toHeads(linear(normed, block.query)), rotary));
    const newKeys = headsFirst(rotate(toHeads(linear(normed, block.key)), rotary));
    const newValues = headsFirst(toHeads(linear(normed, block.value)));
    const keys = past ? tf.concat([past.keys, newKeys], 2) : newKeys;
    const values = past ? tf.concat([past.values, newValues], 2) : newValues;
    const attended = attention(query, keys, values, mask); // [B, H, T, D]
    const merged = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), x.shape) as tf.Tensor2D;
    const middle = tf.add(x, linear(merged, block.output)) as tf.Tensor2D;

    const wide = rmsNorm(middle, block.mlpNorm, rmsEpsilon);
    const gated = swiglu(linear(wide, block.gate), linear(wide, block.up));
    return { stream: tf.add(middle, linear(gated, block.down)) as tf.Tensor2D, keys, values };
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
