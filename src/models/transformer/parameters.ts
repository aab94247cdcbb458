import * as tf from '@tensorflow/tfjs';
import { type KeyPart, normalValues, uniformStream } from '../../tensor/noise.js';
import type { TransformerConfig } from './config.js';

/** Variables of one block, all `[in, out]`. Query, key and value are separate: splitting a joint product copies. */
export interface BlockParameters {
  readonly attentionNorm: tf.Variable<tf.Rank.R1>;
  readonly query: tf.Variable<tf.Rank.R2>;
  readonly key: tf.Variable<tf.Rank.R2>;
  readonly value: tf.Variable<tf.Rank.R2>;
  readonly output: tf.Variable<tf.Rank.R2>;
  readonly mlpNorm: tf.Variable<tf.Rank.R1>;
  readonly gate: tf.Variable<tf.Rank.R2>;
  readonly up: tf.Variable<tf.Rank.R2>;
  readonly down: tf.Variable<tf.Rank.R2>;
}

/** All variables of the transformer. */
export interface TransformerParameters {
  /** `[textVocabulary + imageVocabulary, d]`: image token `i` is row `textVocabulary + i`. */
  readonly embedding: tf.Variable<tf.Rank.R2>;
  /** `[imageLength + 1, d]`: added where image token `t` is predicted; the last row everywhere else. */
  readonly imagePosition: tf.Variable<tf.Rank.R2>;
  readonly blocks: readonly BlockParameters[];
  readonly finalNorm: tf.Variable<tf.Rank.R1>;
  /** `[d, textVocabulary]` */
  readonly textHead: tf.Variable<tf.Rank.R2>;
  /** `[d, imageVocabulary]` */
  readonly imageHead: tf.Variable<tf.Rank.R2>;
}

/** In place of a seed: no random weights. */
export const BLANK = Symbol('blank');

/**
 * Draws initial variables from a stream per name, so that a size change leaves the others alone.
 * @param seed `BLANK` draws nothing: zeros, for weights that are filled in later
 */
export function createParameters(
  config: TransformerConfig,
  seed: KeyPart | typeof BLANK,
): TransformerParameters {
  const { width, layers, hidden } = config;
  const matrix = (name: string, rows: number, columns: number, deviation: number) => {
    if (seed === BLANK) return tf.variable(tf.zeros([rows, columns]) as tf.Tensor2D);
    const values = normalValues(uniformStream(seed, 'init', name), rows * columns);
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * deviation;
    return tf.variable(tf.tensor2d(values, [rows, columns]));
  };
  const ones = () => tf.variable(tf.ones([width]) as tf.Tensor1D);
  const fan = (size: number) => 1 / Math.sqrt(size);
  // Residual branches are scaled down so that the stream's variance does not grow with depth (GPT-2).
  const residual = fan(2 * layers);
  return tf.tidy(() => ({
    embedding: matrix('embedding', config.textVocabulary + config.imageVocabulary, width, fan(width)),
    imagePosition: matrix('imagePosition', config.imageLength + 1, width, fan(width)),
    blocks: Array.from({ length: layers }, (_, layer) => ({
      attentionNorm: ones(),
      query: matrix(`query.${layer}`, width, width, fan(width)),
      key: matrix(`key.${layer}`, width, width, fan(width)),
      value: matrix(`value.${layer}`, width, width, fan(width)),
      output: matrix(`output.${layer}`, width, width, fan(width) * residual),
      mlpNorm: ones(),
      gate: matrix(`gate.${layer}`, width, hidden, fan(width)),
      up: matrix(`up.${layer}`, width, hidden, fan(width)),
      down: matrix(`down.${layer}`, hidden, width, fan(hidden) * residual),
    })),
    finalNorm: ones(),
    textHead: matrix('textHead', width, config.textVocabulary, 0.02),
    imageHead: matrix('imageHead', width, config.imageVocabulary, 0.02),
  }));
}

/** The variables by their checkpoint names, in a stable order. */
export function namedParameters(parameters: TransformerParameters): Record<string, tf.Variable> {
  const { blocks, ...rest } = parameters;
  const named: Record<string, tf.Variable> = {};
  for (const [name, variable] of Object.entries(rest)) named[name] = variable as tf.Variable;
  blocks.forEach((block, layer) => {
    for (const [name, variable] of Object.entries(block))
      named[`blocks.${layer}.${name}`] = variable as tf.Variable;
  });
  return named;
}
