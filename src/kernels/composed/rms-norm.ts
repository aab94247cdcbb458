import * as tf from '@tensorflow/tfjs';
import { withGradient } from '../custom-gradient.js';

/** `rmsNorm` of stock operations. */
export function composedRmsNorm(x: tf.Tensor2D, gain: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  return withGradient<tf.Tensor2D>(
    [x, gain],
    () => {
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon)); // [N, 1]
      const unit = tf.mul(x, scale); // [N, d]
      return { value: tf.mul(unit, gain), saved: [unit, scale, gain] };
    },
    (dy, saved) => {
      const [unit, scale, gain] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
      const dUnit = tf.mul(dy, gain); // [N, d]
      // dx = (dUnit − unit · mean(dUnit · unit)) · scale
      const along = tf.mean(tf.mul(dUnit, unit), -1, true); // [N, 1]
      const dx = tf.mul(tf.sub(dUnit, tf.mul(unit, along)), scale);
      // The sum over rows as a product with ones: wasm sums over the first axis ten times slower.
      const ones = tf.ones([1, unit.shape[0]]) as tf.Tensor2D;
      const dGain = tf.reshape(tf.matMul(ones, tf.mul(dy, unit) as tf.Tensor2D), gain.shape);
      return [dx, dGain];
    },
  );
}
