import * as tf from '@tensorflow/tfjs';
import { withGradient } from '../custom-gradient.js';

/** `swiglu` of stock operations. */
export function composedSwiglu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
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
