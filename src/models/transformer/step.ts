import type * as tf from '@tensorflow/tfjs';
import type { KeyValueCache } from '../../kernels/cache-plan.js';
import { type PackedLinear, packLinear } from '../../kernels/packed-linear.js';
import { addRmsNorm, rmsNorm } from '../../kernels/rms-norm.js';
import { swiglu } from '../../kernels/swiglu.js';
import type { TransformerConfig } from './config.js';
import type { BlockParameters, TransformerParameters } from './parameters.js';

/** The matrices of one block, packed for many small products. */
interface BlockWeights {
  /** Query, key, value. */
  readonly attention: PackedLinear;
  readonly output: PackedLinear;
  /** Gate, up. */
  readonly gated: PackedLinear;
  readonly down: PackedLinear;
}

/** A model's matrices as decoding uses them: as they were when packed. */
export interface DecodingWeights {
  readonly blocks: readonly BlockWeights[];
  readonly head: PackedLinear;
  /** Frees what was packed. */
  dispose(): void;
}

/** @returns the caller disposes it */
export function packWeights(parameters: TransformerParameters, image: boolean): DecodingWeights {
  const blocks = parameters.blocks.map((block) => ({
    attention: packLinear([block.query, block.key, block.value]),
    output: packLinear([block.output]),
    gated: packLinear([block.gate, block.up]),
    down: packLinear([block.down]),
  }));
  const head = packLinear([image ? parameters.imageHead : parameters.textHead]);
  return {
    blocks,
    head,
    dispose() {
      for (const packed of [head, ...blocks.flatMap((block) => Object.values(block))]) packed.dispose();
    },
  };
}

/**
 * One token per row through all blocks, with the caches of what came before.
 * @param x `[n, d]`: the embedded tokens
 * @returns the logits of the next ones, `[n, V]`; call it in a tidy
 */
export function stepBlocks(
  config: TransformerConfig,
  parameters: TransformerParameters,
  weights: DecodingWeights,
  x: tf.Tensor2D,
  caches: readonly KeyValueCache[],
): tf.Tensor2D {
  const { rmsEpsilon } = config;
  const { blocks, finalNorm } = parameters;
  let stream = x;
  let normed = rmsNorm(x, (blocks[0] as BlockParameters).attentionNorm, rmsEpsilon);
  blocks.forEach((block, i) => {
    const { attention, output, gated, down } = weights.blocks[i] as BlockWeights;
    const [q, k, v] = attention.multiply(normed) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const attended = (caches[i] as KeyValueCache).attend(q, k, v);
    ({ stream, normed } = addRmsNorm(stream, only(output.multiply(attended)), block.mlpNorm, rmsEpsilon));
    const [gate, up] = gated.multiply(normed) as [tf.Tensor2D, tf.Tensor2D];
    const next = blocks[i + 1]?.attentionNorm ?? finalNorm;
    ({ stream, normed } = addRmsNorm(stream, only(down.multiply(swiglu(gate, up))), next, rmsEpsilon));
  });
  return only(weights.head.multiply(normed));
}

function only([first]: readonly tf.Tensor2D[]): tf.Tensor2D {
  return first as tf.Tensor2D;
}
