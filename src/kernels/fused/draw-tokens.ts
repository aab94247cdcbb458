import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/**
 * Input logits, `[n, V]` or with guidance `[2n, V]` (conditional rows first), and uniforms `[n]` int32, unsigned multiples
 * of 2⁻³²; attributes scale (1 without guidance), temperature and guided (0 or 1); output `[3, n]`: tokens (−1 where a
 * logit is not finite), log-probs, entropies.
 */
export const DRAW_TOKENS = 'BicotDrawTokens';

export function fusedDrawTokens(
  logits: tf.Tensor2D,
  uniforms: tf.Tensor1D,
  attributes: { readonly scale: number; readonly temperature: number; readonly guided: number },
): tf.Tensor2D {
  return runKernel<tf.Tensor2D>(DRAW_TOKENS, { logits, uniforms }, attributes);
}
