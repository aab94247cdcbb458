import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Inputs q, k, v, cos, sin; attributes batch, length, heads, size; outputs the mixed values and log Σ exp of the scores. */
export const CAUSAL_ATTENTION = 'BicotCausalAttention';
/** Its inputs, out, normalizers and dy; outputs dq, dk, dv. */
export const CAUSAL_ATTENTION_GRAD = 'BicotCausalAttentionGrad';

/** What the attention kernels must know of `[B·T, H·D]`. */
export interface AttentionSizes extends Readonly<Record<string, number>> {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly size: number;
}

export function fusedCausalAttention(
  [q, k, v]: readonly [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D],
  { cos, sin }: { readonly cos: tf.Tensor3D; readonly sin: tf.Tensor3D },
  sizes: AttentionSizes,
): tf.Tensor2D {
  const inputs = { q, k, v, cos, sin };
  const [out, normalizers] = runKernel<[tf.Tensor2D, tf.Tensor3D]>(CAUSAL_ATTENTION, inputs, sizes);
  normalizers.dispose();
  return out;
}

export const CAUSAL_ATTENTION_GRADIENTS: readonly tf.GradConfig[] = [
  {
    kernelName: CAUSAL_ATTENTION,
    inputsToSave: ['q', 'k', 'v', 'cos', 'sin'],
    outputsToSave: [true, true],
    gradFunc: (dys, saved, attributes) => {
      const [q, k, v, cos, sin, out, normalizers] = saved as tf.Tensor[];
      const [dy] = dys as [tf.Tensor];
      const inputs = { q, k, v, cos, sin, out, normalizers, dy } as Record<string, tf.Tensor>;
      const sizes = attributes as unknown as AttentionSizes;
      const [dq, dk, dv] = runKernel<[tf.Tensor, tf.Tensor, tf.Tensor]>(CAUSAL_ATTENTION_GRAD, inputs, sizes);
      return { q: () => dq, k: () => dk, v: () => dv };
    },
  },
];
