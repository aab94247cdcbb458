import * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { withGradient } from './custom-gradient.js';

/**
 * The gated activation of SwiGLU (Shazeer 2020): `silu(gate) · up`.
 * @param gate `[N, f]`
 * @param up `[N, f]`
 * @returns `[N, f]`; the caller disposes it
 */
export function swiglu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  assertShape('swiglu: up', up, gate.shape, '[N, f]');
  return withGradient<tf.Tensor2D>(
    [gate, up],
    () => {
      const sigmoid = tf.sigmoid(gate);
      const silu = tf.mul(gate, sigmoid);
      return { value: tf.mul(silu, up), saved: [up, sigmoid, silu] };
    },
    (dy, saved) => {
      const [up, sigmoid, silu] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      // silu'(g) = σ + silu · (1 − σ)
      const slope = tf.add(sigmoid, tf.sub(silu, tf.mul(silu, sigmoid)));
      return [tf.mul(tf.mul(dy, up), slope), tf.mul(dy, silu)];
    },
  );
}
