import * as tf from '@tensorflow/tfjs';
import { attention, causalMask } from '../attention.js';
import type { AttentionSizes } from '../fused/causal-attention.js';
import { type RotaryTables, rotate } from '../rotary.js';

/** `causalAttention` with every score in a tensor, `[B, H, T, T]`. */
export function composedCausalAttention(
  [q, k, v]: readonly [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D],
  tables: RotaryTables,
  { batch, length, heads, size }: AttentionSizes,
): tf.Tensor2D {
  return tf.tidy(() => {
    const toHeads = (x: tf.Tensor2D): tf.Tensor4D => tf.reshape(x, [batch, length, heads, size]);
    const headsFirst = (x: tf.Tensor): tf.Tensor4D => tf.transpose(x, [0, 2, 1, 3]) as tf.Tensor4D;
    const [query, key] = [q, k].map((x) => headsFirst(rotate(toHeads(x), tables))) as [
      tf.Tensor4D,
      tf.Tensor4D,
    ];
    const attended = attention(query, key, headsFirst(toHeads(v)), causalMask(length)); // [B, H, T, D]
    return tf.reshape(headsFirst(attended), q.shape);
  });
}
