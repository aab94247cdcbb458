import type * as tf from '@tensorflow/tfjs';
import { type BlockPaths, matricesByPath, replaceMatricesByPath } from '../backbone/block-matrices.js';
import type { Block } from '../backbone/blocks.js';
import type { Matrix } from '../backbone/matrix.js';
import type { VqParameters } from '../vq/parameters.js';
import { BLOCK_MATRICES, BLOCK_NORMS, blockPath } from './names.js';

/** A layer with a bias, neither of which is ever trained. */
export interface Affine {
  /** `[in, out]` */
  readonly weight: tf.Tensor2D;
  /** `[out]` */
  readonly bias: tf.Tensor1D;
}

/** All of Janus that planning and drawing need, on the device. */
export interface JanusParameters {
  /** The text embedding, `[V, H]`, in one piece or as many as the device wants: row ranges in order. */
  readonly embedTokens: readonly tf.Tensor2D[];
  readonly blocks: readonly Block[];
  /** `[H]` */
  readonly finalNorm: tf.Tensor1D;
  /** The text head, `[H, V]`: column ranges in order. */
  readonly textHead: readonly tf.Tensor2D[];
  /** Embeddings of image tokens before the aligner, `[16384, 8]`. */
  readonly imageTable: tf.Tensor2D;
  /** From there to the width of the language model. */
  readonly aligner: readonly [Affine, Affine];
  /** From the normed stream to image logits, with a GELU in between. */
  readonly imageHead: readonly [Affine, Affine];
  readonly vq: VqParameters;
}

/** Tensors by DeepSeek's names, in TensorFlow.js's layouts; `[in, out]` for matrices. */
export interface JanusTensors {
  /** A matrix `[in, out]` or vector that is in one piece. */
  one(name: string): tf.Tensor;
  /** Text embedding or head: its pieces. */
  pieces(name: string): readonly tf.Tensor[];
  readonly vq: VqParameters;
}

/** Puts tensors into their places. */
export function janusParameters(layers: number, tensors: JanusTensors): JanusParameters {
  const matrix = (name: string) => tensors.one(`${name}.weight`) as tf.Tensor2D;
  const vector = (name: string) => tensors.one(name) as tf.Tensor1D;
  const affine = (module: string): Affine => ({ weight: matrix(module), bias: vector(`${module}.bias`) });
  return {
    embedTokens: tensors.pieces('language_model.model.embed_tokens.weight') as tf.Tensor2D[],
    blocks: Array.from({ length: layers }, (_, layer) => {
      const at = blockPath(layer);
      const of = <Names extends Record<string, string>, T>(names: Names, get: (module: string) => T) =>
        Object.fromEntries(
          Object.entries(names).map(([key, module]) => [key, get(`${at}.${module}`)]),
        ) as Record<keyof Names, T>;
      return {
        ...of(BLOCK_NORMS, (module) => vector(`${module}.weight`)),
        ...of(BLOCK_MATRICES, matrix),
      };
    }),
    finalNorm: vector('language_model.model.norm.weight'),
    textHead: tensors.pieces('language_model.lm_head.weight') as tf.Tensor2D[],
    imageTable: matrix('gen_embed'),
    aligner: [affine('gen_aligner.layers.0'), affine('gen_aligner.layers.2')],
    imageHead: [affine('gen_head.output_mlp_projector'), affine('gen_head.vision_head')],
    vq: tensors.vq,
  };
}

/** Whether T2I-R1 trains a tensor: all of the language model, and nothing else. */
export function isTrained(name: string): boolean {
  return name.startsWith('language_model.');
}

/** Module paths of a block's matrices. */
const matrixPaths = (layer: number): BlockPaths =>
  Object.fromEntries(
    Object.entries(BLOCK_MATRICES).map(([key, module]) => [key, `${blockPath(layer)}.${module}`]),
  ) as BlockPaths;

/** The matrices of all blocks by module path, for adapters. */
export function blockMatrices({ blocks }: Pick<JanusParameters, 'blocks'>): Map<string, tf.Tensor2D> {
  return matricesByPath(blocks, matrixPaths);
}

/**
 * The same blocks with other matrices in some places.
 * @param replacement by DeepSeek's module path
 */
export function replaceMatrices(
  blocks: readonly Block[],
  replacement: (path: string) => Matrix | undefined,
): Block[] {
  return replaceMatricesByPath(blocks, matrixPaths, replacement);
}
