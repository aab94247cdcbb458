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

/** √(2/π), and the weight of the cube. */
const [TANH_SCALE, CUBE] = [Math.sqrt(2 / Math.PI), 0.044715];

/**
 * The Gaussian error linear unit as `tanh` approximates it: `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
 * @returns of the same shape; the caller disposes it
 */
export function geluTanh<T extends tf.Tensor>(x: T): T {
  return withGradient<T>(
    [x],
    () => ({ value: tf.mul(x, gate(innerTanh(x))) as T, saved: [x] }),
    (dy, [x]) => {
      const y = x as T;
      const turn = innerTanh(y);
      // d tanh(u) = (1 − tanh² u) du, du = √(2/π) (1 + 3 · 0.044715 x²)
      const slope = tf.mul(tf.add(tf.mul(tf.square(y), 3 * CUBE), 1), TANH_SCALE);
      const steepness = tf.mul(tf.mul(y, 0.5), tf.mul(tf.sub(1, tf.square(turn)), slope));
      return [tf.mul(dy, tf.add(gate(turn), steepness))];
    },
  );
}

/** tanh(√(2/π) (x + 0.044715 x³)). */
function innerTanh(x: tf.Tensor): tf.Tensor {
  return tf.tanh(tf.mul(tf.mul(x, tf.add(tf.mul(tf.square(x), CUBE), 1)), TANH_SCALE));
}

/** ½ (1 + t). */
function gate(turn: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(turn, 1), 0.5);
}

/** Φ(x). */
function cumulative(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
}
