import type * as tf from '@tensorflow/tfjs';
import type { BlockPaths } from '../backbone/block-matrices.js';
import type { Block } from '../backbone/blocks.js';
import type { LlamaGenConfig } from './config.js';
import { LLAMAGEN_NAMES } from './names.js';

/** What turns a condition into tokens. */
export type ConditionParameters =
  | {
      readonly kind: 'class';
      /** `[classes + 1, d]`; the last row stands for no class. */
      readonly table: tf.Tensor2D;
    }
  | {
      readonly kind: 'text';
      /** `[features, d]` */
      readonly captionIn: tf.Tensor2D;
      /** `[d, d]` */
      readonly captionOut: tf.Tensor2D;
      /** `[length, features]`, on the host: what takes the place of a caption's features where there is none. */
      readonly noCaption: Float32Array;
    };

/** LlamaGen's transformer on the device. */
export interface LlamaGenParameters {
  readonly condition: ConditionParameters;
  /** `[V, d]`, in one piece or as many as the device wants: row ranges in order. */
  readonly tokens: readonly tf.Tensor2D[];
  readonly blocks: readonly Block[];
  /** `[d]` */
  readonly finalNorm: tf.Tensor1D;
  /** `[d, V]`: column ranges in order. */
  readonly head: readonly tf.Tensor2D[];
}

/**
 * Module paths of a block's matrices: the published ones, and in place of `attention.wqkv` those of its three parts, `wq`,
 * `wk` and `wv`.
 */
export const blockPaths = (layer: number): BlockPaths => ({
  query: `layers.${layer}.attention.wq`,
  key: `layers.${layer}.attention.wk`,
  value: `layers.${layer}.attention.wv`,
  output: `layers.${layer}.attention.wo`,
  gate: `layers.${layer}.feed_forward.w1`,
  up: `layers.${layer}.feed_forward.w3`,
  down: `layers.${layer}.feed_forward.w2`,
});

/**
 * Puts tensors into their places.
 * @param tensors by published name, and by `blockPaths`; `[in, out]` for what is multiplied by; in pieces
 * @param noCaption of a text-conditional model
 */
export function llamaGenParameters(
  { layers, condition }: LlamaGenConfig,
  tensors: ReadonlyMap<string, readonly tf.Tensor[]>,
  noCaption?: Float32Array,
): LlamaGenParameters {
  const pieces = (name: string): readonly tf.Tensor2D[] => tensors.get(name) as readonly tf.Tensor2D[];
  const get = <T extends tf.Tensor>(name: string): T => pieces(name)[0] as tf.Tensor as T;
  return {
    condition:
      condition.kind === 'class'
        ? { kind: 'class', table: get(LLAMAGEN_NAMES.classes) }
        : {
            kind: 'text',
            captionIn: get(LLAMAGEN_NAMES.captionIn),
            captionOut: get(LLAMAGEN_NAMES.captionOut),
            noCaption: noCaption as Float32Array,
          },
    tokens: pieces(LLAMAGEN_NAMES.tokens),
    blocks: Array.from({ length: layers }, (_, layer) => {
      const matrices = Object.entries(blockPaths(layer)).map(([key, path]) => [key, get(`${path}.weight`)]);
      return {
        ...(Object.fromEntries(matrices) as Record<keyof BlockPaths, tf.Tensor2D>),
        attentionNorm: get(`layers.${layer}.attention_norm.weight`),
        mlpNorm: get(`layers.${layer}.ffn_norm.weight`),
      };
    }),
    finalNorm: get(LLAMAGEN_NAMES.finalNorm),
    head: pieces(LLAMAGEN_NAMES.head),
  };
}
