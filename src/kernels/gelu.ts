import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.js';

/**
 * The Gaussian error linear unit in its exact form, `x · Φ(x)` (Hendrycks & Gimpel 2016), Φ being the normal
 * distribution's: `½ x (1 + erf(x / √2))`.
 * @returns of the same shape; the caller disposes it
 */
export function gelu<T extends tf.Tensor>(x: T): T {
  return withGradient<T>(
    [x],
    () => ({ value: tf.mul(x, cumulative(x)) as T, saved: [x] }),
    (dy, [x]) => {
      const y = x as T;
      // d/dx x Φ(x) = Φ(x) + x φ(x), φ(x) = exp(−x²/2) / √(2π)
      const density = tf.mul(tf.exp(tf.mul(tf.square(y), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [tf.mul(dy, tf.add(cumulative(y), tf.mul(y, density)))];
    },
  );
}

/** Φ(x). */
function cumulative(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
}
