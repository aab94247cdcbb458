import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/**
 * Inputs k, v, cos, sin, lengths; attributes of `CacheSizes`; outputs the contexts' keys and values, and room for those
 * of the slots.
 */
export const FILL_CACHE = 'BicotFillCache';
/**
 * Inputs q, k, v, cos, sin, lengths, sources, slots, positions and the four tensors of `CacheTensors`, of which it writes
 * into those of the slots; attributes of `CacheSizes`; output the mixed values.
 */
export const DECODE_ATTENTION = 'BicotDecodeAttention';

/** What the cache kernels must know. */
export interface CacheSizes extends Readonly<Record<string, number>> {
  /** H. */
  readonly heads: number;
  /** D, the channels of a head: keys and values are `[·, H·D]`. */
  readonly size: number;
  /** Sequences. */
  readonly slots: number;
  /** Positions of the longest context. */
  readonly contextLength: number;
  /** The most positions that a sequence has of its own. */
  readonly ownLength: number;
}

/**
 * Keys and values of the contexts, shared, and of each sequence's own positions, written in place. Any shape: the layout is the
 * backend's.
 */
export interface CacheTensors extends Readonly<Record<string, tf.Tensor>> {
  /** Rotated keys of all contexts. */
  readonly contextKeys: tf.Tensor;
  /** Values of all contexts. */
  readonly contextValues: tf.Tensor;
  /** Keys of the slots' own positions, written step by step. */
  readonly keys: tf.Tensor;
  /** Values of the slots' own positions, written step by step. */
  readonly values: tf.Tensor;
}

/** A cache as kernels read it in a step. */
export interface StoredCache {
  /** Of one block; the cache disposes them. */
  readonly cache: CacheTensors;
  /** What `DECODE_ATTENTION` needs besides: of the rows of the step, the same for all blocks. */
  readonly rows: Readonly<Record<'cos' | 'sin' | 'lengths' | 'sources' | 'slots' | 'positions', tf.Tensor>>;
  /** The same in every step. */
  readonly sizes: CacheSizes;
}

export function fusedFillCache(
  inputs: Readonly<Record<'k' | 'v' | 'cos' | 'sin' | 'lengths', tf.Tensor>>,
  sizes: CacheSizes,
): CacheTensors {
  type Four = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const [contextKeys, contextValues, keys, values] = runKernel<Four>(FILL_CACHE, inputs, sizes);
  return { contextKeys, contextValues, keys, values };
}

export function fusedDecodeAttention(
  inputs: Readonly<Record<'q' | 'k' | 'v', tf.Tensor>>,
  { cache, rows, sizes }: StoredCache,
): tf.Tensor2D {
  return runKernel<tf.Tensor2D>(DECODE_ATTENTION, { ...inputs, ...rows, ...cache }, sizes);
}
