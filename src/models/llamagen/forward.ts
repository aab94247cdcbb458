import * as tf from '@tensorflow/tfjs';
import { embed } from '../../kernels/embedding.js';
import { geluTanh } from '../../kernels/gelu.js';
import { type TokenBatch, tokenRow } from '../../policy/tokens.js';
import { concatHost } from '../../tensor/host-concat.js';
import type { Backbone } from '../backbone/blocks.js';
import { multiply } from '../backbone/matrix.js';
import { embedRows } from '../backbone/table.js';
import type { LlamaGenConfig } from './config.js';
import type { LlamaGenCaption, LlamaGenClass, LlamaGenContext } from './contexts.js';
import type { ConditionParameters, LlamaGenParameters } from './parameters.js';

/** The blocks and the norm after them. */
export function llamaGenBackbone(
  { heads, rmsEpsilon }: LlamaGenConfig,
  { blocks, finalNorm }: LlamaGenParameters,
): Backbone {
  return { heads, rmsEpsilon, blocks, finalNorm };
}

/**
 * Input embeddings of conditions, one after the other.
 * @param contexts of the model's kind, checked
 * @returns `[all their tokens, d]`; the caller disposes it
 */
export function embedConditions(
  condition: ConditionParameters,
  contexts: readonly LlamaGenContext[],
): tf.Tensor2D {
  return tf.tidy(() => {
    if (condition.kind === 'class') {
      const labels = Int32Array.from(contexts as readonly LlamaGenClass[], ({ label }) => label);
      return embed(condition.table, tf.tensor1d(labels, 'int32'));
    }
    const features = captionFeatures(contexts as readonly LlamaGenCaption[]);
    const inputs = tf.tensor2d(features, [
      features.length / condition.captionIn.shape[0],
      condition.captionIn.shape[0],
    ]);
    const [inner] = multiply(inputs, [condition.captionIn]) as [tf.Tensor2D];
    return multiply(geluTanh(inner), [condition.captionOut])[0] as tf.Tensor2D;
  });
}

function captionFeatures(captions: readonly LlamaGenCaption[]): Float32Array {
  return concatHost(
    captions.map(({ features }) => features),
    (length) => new Float32Array(length),
  );
}

/** Input embeddings of image tokens, `[M, d]`; the caller disposes it. @param ids `[M]` */
export function embedImageTokens({ tokens }: LlamaGenParameters, ids: Int32Array): tf.Tensor2D {
  return embedRows(tokens, ids);
}

/** Inputs of some sequences, padded on the right to one length. */
export interface LlamaGenInputs {
  /** `[R · S, d]` */
  readonly inputs: tf.Tensor2D;
  /** S. */
  readonly length: number;
}

/**
 * Each condition and its image tokens but the last, which predicts nothing. Padding comes last, where the causal mask
 * hides it.
 * @param contexts of `conditionTokens` tokens each
 * @returns the caller disposes `inputs`
 */
export function embedSequences(
  parameters: LlamaGenParameters,
  contexts: readonly LlamaGenContext[],
  conditionTokens: number,
  completion: TokenBatch,
): LlamaGenInputs {
  const { rows } = completion;
  const fed = Math.max(0, completion.lengths.reduce((most, length) => Math.max(most, length), 0) - 1);
  const length = conditionTokens + fed;
  const conditions = embedConditions(parameters.condition, contexts);
  if (fed === 0) return { inputs: conditions, length };
  const ids = new Int32Array(rows * fed);
  for (let row = 0; row < rows; row++) {
    ids.set(tokenRow(completion, row).subarray(0, fed), row * fed);
  }
  const inputs = tf.tidy(() => {
    const [d] = parameters.finalNorm.shape;
    const both = [
      tf.reshape(conditions, [rows, conditionTokens, d]),
      tf.reshape(embedImageTokens(parameters, ids), [rows, fed, d]),
    ];
    return tf.reshape(tf.concat(both, 1), [rows * length, d]) as tf.Tensor2D;
  });
  conditions.dispose();
  return { inputs, length };
}
