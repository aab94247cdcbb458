import type * as tf from '@tensorflow/tfjs';
import type { KeyValueCaches } from '../../kernels/cache-plan.js';
import { type Decoder, decodeBlocks } from '../../kernels/decode-blocks.js';
import type { PackedLinear } from '../../kernels/packed-linear.js';
import type { Backbone } from './blocks.js';
import { packMatrices } from './packed.js';

/** What turns the normed stream into logits. */
export interface Head {
  /**
   * Logits of some rows.
   * @param normed `[M, d]`, after the final norm
   * @returns `[M, V]`; the caller disposes it
   */
  logits(normed: tf.Tensor2D): tf.Tensor2D;
  /**
   * For a head of one matrix: packs it, in the pieces that it is in. Of a single piece, a whole decoding step can be one
   * kernel. The caller disposes it.
   */
  pack?(): PackedLinear;
}

/** One token per row; `KeyValueCaches.step` has said which sequences the rows are. */
export type DecodeStep = (
  /** `[n, d]`: the embedded tokens. */
  x: tf.Tensor2D,
) => tf.Tensor2D;

/** A model as decoding uses it: its matrices as they were when packed. Sessions may share it. */
export interface PackedBackbone {
  /**
   * Decodes with these caches, which stay the caller's.
   * @returns a step, which gives `[n, V]`; the caller disposes that
   */
  decoder(caches: KeyValueCaches): DecodeStep;
  /** Frees what was packed. */
  dispose(): void;
}

/**
 * Packs the matrices of a model for many small products.
 * @returns the caller disposes it
 */
export function packBackbone({ blocks, finalNorm, rmsEpsilon }: Backbone, head: Head): PackedBackbone {
  const packed = blocks.map((block) => ({
    attention: packMatrices([block.query, block.key, block.value]),
    output: packMatrices([block.output]),
    gated: packMatrices([block.gate, block.up]),
    down: packMatrices([block.down]),
  }));
  const packedHead = head.pack?.();
  return {
    decoder(caches) {
      const decoder: Decoder = {
        blocks: blocks.map(({ attentionNorm, mlpNorm }, i) => ({
          ...(packed[i] as (typeof packed)[0]),
          ...{ attentionNorm, mlpNorm },
          cache: caches.blocks[i] as KeyValueCaches['blocks'][0],
        })),
        ...{ head: packedHead, finalNorm, epsilon: rmsEpsilon },
      };
      return (x) => {
        const made = decodeBlocks(x, decoder);
        if (packedHead) return made;
        const logits = head.logits(made);
        made.dispose();
        return logits;
      };
    },
    dispose() {
      packedHead?.dispose();
      for (const each of packed.flatMap((block) => Object.values(block))) each.dispose();
    },
  };
}
