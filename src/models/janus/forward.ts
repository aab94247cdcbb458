import * as tf from '@tensorflow/tfjs';
import { embed } from '../../kernels/embedding.js';
import { gelu } from '../../kernels/gelu.js';
import { headLogProbs } from '../../kernels/head-log-probs.js';
import type { Backbone } from '../backbone/blocks.js';
import { multiply } from '../backbone/matrix.js';
import { matrixHead, type ScoringHead } from '../backbone/matrix-head.js';
import { embedRows } from '../backbone/table.js';
import type { JanusConfig } from './config.js';
import type { Affine, JanusParameters } from './parameters.js';

/** The blocks and the norm after them. */
export function janusBackbone(
  { language: { heads, rmsEpsilon } }: JanusConfig,
  { blocks, finalNorm }: JanusParameters,
): Backbone {
  return { heads, rmsEpsilon, blocks, finalNorm };
}

/**
 * Input embeddings of text tokens.
 * @param ids `[M]`
 * @returns `[M, H]`; the caller disposes it
 * @throws BicotError `token-range`
 */
export function embedText({ embedTokens }: JanusParameters, ids: Int32Array): tf.Tensor2D {
  return embedRows(embedTokens, ids);
}

/**
 * Input embeddings of image tokens: a row of a narrow table, brought to the language model's width by two layers.
 * @param ids `[M]`
 * @returns `[M, H]`; the caller disposes it
 */
export function embedImageTokens({ imageTable, aligner }: JanusParameters, ids: Int32Array): tf.Tensor2D {
  return tf.tidy(() => mlp(embed(imageTable, tf.tensor1d(ids, 'int32')), aligner));
}

function affine(x: tf.Tensor2D, { weight, bias }: Affine): tf.Tensor2D {
  return tf.add(only(x, weight), bias);
}

function mlp(x: tf.Tensor2D, [first, second]: readonly [Affine, Affine]): tf.Tensor2D {
  return affine(gelu(affine(x, first)), second);
}

function only(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D {
  return multiply(x, [weight])[0] as tf.Tensor2D;
}

/** The head of text tokens: one matrix, in column ranges. */
export function textHead({ textHead: pieces }: JanusParameters): ScoringHead {
  return matrixHead(pieces);
}

/** The head of image tokens: two layers with a GELU in between. */
export function imageHead({ imageHead: [first, second] }: JanusParameters): ScoringHead {
  return {
    logits: (normed) => tf.tidy(() => mlp(normed, [first, second])),
    logProbs: (normed, targets, temperature) =>
      tf.tidy(() =>
        headLogProbs(
          gelu(affine(normed, first)),
          { weights: [second.weight], biases: [second.bias] },
          targets,
          { temperature },
        ),
      ),
  };
}
