import * as tf from '@tensorflow/tfjs';
import { withGradient } from '../custom-gradient.js';
import { timesTransposed, transposedTimes } from './products.js';

/** `linear` of stock products, with gradients that suit the backend. */
export function composedLinear(x: tf.Tensor2D, w: tf.Tensor2D): tf.Tensor2D {
  return withGradient<tf.Tensor2D>(
    [x, w],
    () => ({ value: tf.matMul(x, w), saved: [x, w] }),
    (dy, saved) => {
      const [x, w] = saved as [tf.Tensor2D, tf.Tensor2D];
      return [timesTransposed(dy, w), transposedTimes(x, dy)];
    },
  );
}
