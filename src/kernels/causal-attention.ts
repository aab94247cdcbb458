import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { assertShape } from '../tensor/shape.js';
import { isFused } from './choice.js';
import { composedCausalAttention } from './composed/causal-attention.js';
import { CAUSAL_ATTENTION, fusedCausalAttention } from './fused/causal-attention.js';
import type { RotaryTables } from './rotary.js';

/**
 * Causal self-attention with rotary positions: each position of each sequence attends, head by head, to itself and
 * those before it. Queries and keys come unrotated.
 * @param q `[B·T, H·D]`, heads side by side
 * @param k `[B·T, H·D]`
 * @param v `[B·T, H·D]`
 * @param tables of the positions of a sequence, T of them: constants
 * @param heads H
 * @returns `[B·T, H·D]`; the caller disposes it
 * @throws BicotError `shape`
 */
export function causalAttention(
  q: tf.Tensor2D,
  k: tf.Tensor2D,
  v: tf.Tensor2D,
  tables: RotaryTables,
  heads: number,
): tf.Tensor2D {
  const [rows, width] = q.shape;
  const [length, , size] = tables.cos.shape;
  if (rows % length !== 0 || width !== heads * size) {
    throw new BicotError(
      'shape',
      `causalAttention: q is [${q.shape}], but the tables are of ${length} positions and ${size} channels, with ${heads} heads; q must be [B·${length}, ${heads * size}].`,
    );
  }
  assertShape('causalAttention: k', k, q.shape, '[B·T, H·D]');
  assertShape('causalAttention: v', v, q.shape, '[B·T, H·D]');
  const sizes = { batch: rows / length, length, heads, size };
  return isFused(CAUSAL_ATTENTION, [q, k, v])
    ? fusedCausalAttention([q, k, v], tables, sizes)
    : composedCausalAttention([q, k, v], tables, sizes);
}
