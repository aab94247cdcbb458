import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Inputs k, v, cos, sin, lengths, sources; attributes of `CacheSizes`; outputs keys and values of the slots. */
export const FILL_CACHE = 'BicotFillCache';
/** Inputs q, k, v, cos, sin, slots, positions, keys, values (which it writes into); attributes of `CacheSizes`. */
export const DECODE_ATTENTION = 'BicotDecodeAttention';

/** What the cache kernels must know. */
export interface CacheSizes extends Readonly<Record<string, number>> {
  readonly heads: number;
  readonly size: number;
  /** L: positions that a slot has room for. */
  readonly length: number;
}

/** Keys `[slots, H, D, L]` and values `[slots, H, L, D]`: written in place as sequences grow. */
export interface CacheTensors {
  readonly keys: tf.Tensor;
  readonly values: tf.Tensor;
}

export function fusedFillCache(
  inputs: Readonly<Record<'k' | 'v' | 'cos' | 'sin' | 'lengths' | 'sources', tf.Tensor>>,
  sizes: CacheSizes,
): CacheTensors {
  const [keys, values] = runKernel<[tf.Tensor, tf.Tensor]>(FILL_CACHE, inputs, sizes);
  return { keys, values };
}

export function fusedDecodeAttention(
  inputs: Readonly<Record<'q' | 'k' | 'v' | 'cos' | 'sin' | 'slots' | 'positions', tf.Tensor>>,
  { keys, values }: CacheTensors,
  sizes: CacheSizes,
): tf.Tensor2D {
  return runKernel<tf.Tensor2D>(DECODE_ATTENTION, { ...inputs, keys, values }, sizes);
}
