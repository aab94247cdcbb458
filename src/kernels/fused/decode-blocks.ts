import type * as tf from '@tensorflow/tfjs';
import type { StoredCache } from './key-value-cache.js';
import { runKernel } from './run.js';

/**
 * A list of inputs: x, the final norm, the head's panels, the shared tensors of the caches (`SHARED_CACHE_INPUTS`), and
 * for each block its two norms, seven matrices' panels and four cache tensors; attributes blocks, hidden, vocabulary,
 * epsilon and those of `CacheSizes`; output the logits.
 */
export const DECODE_BLOCKS = 'BicotDecodeBlocks';

/** What all blocks' caches share, in the order of the inputs. */
export const SHARED_CACHE_INPUTS = ['cos', 'sin', 'lengths', 'sources', 'slots', 'positions'] as const;

/** Query, key, value, output, gate, up, down. */
export const PANELS_PER_BLOCK = 7;

/** Tensors of a block: norms, panels, cache. */
export const BLOCK_INPUTS = 2 + PANELS_PER_BLOCK + 4;

/** A decoder's tensors. */
export interface DecoderInPlace {
  readonly blocks: readonly {
    /** Before the attention, before the gated layer. */
    readonly norms: readonly tf.Tensor[];
    /** Query, key, value, output, gate, up, down. */
    readonly panels: readonly tf.Tensor[];
    readonly stored: StoredCache;
  }[];
  readonly finalNorm: tf.Tensor;
  readonly head: tf.Tensor;
  readonly epsilon: number;
  /** Columns of the gate. */
  readonly hidden: number;
  /** Columns of the head. */
  readonly vocabulary: number;
}

export function fusedDecodeBlocks(x: tf.Tensor2D, decoder: DecoderInPlace): tf.Tensor2D {
  const { blocks, finalNorm, head, epsilon, hidden, vocabulary } = decoder;
  const inputs = [x, finalNorm, head];
  const { rows, sizes } = (blocks[0] as DecoderInPlace['blocks'][0]).stored;
  for (const name of SHARED_CACHE_INPUTS) inputs.push(rows[name] as tf.Tensor2D);
  for (const { norms, panels, stored } of blocks) {
    const { contextKeys, contextValues, keys, values } = stored.cache;
    inputs.push(...([...norms, ...panels, contextKeys, contextValues, keys, values] as tf.Tensor2D[]));
  }
  return runKernel<tf.Tensor2D>(DECODE_BLOCKS, inputs, {
    ...sizes,
    ...{ blocks: blocks.length, hidden, vocabulary, epsilon },
  });
}
