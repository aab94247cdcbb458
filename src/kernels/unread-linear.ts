import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.js';
import { timesTransposed, transposedTimes } from './gradient-products.js';

/**
 * The gradients of `x · w` without the product: for the last layer of what is computed a second time, whose value is
 * there already.
 * @param x `[N, in]`
 * @param w `[in, out]`
 * @param frozen whether w gets no gradient
 * @returns zeros, `[N, out]`; the caller disposes them
 */
export function unreadLinear(x: tf.Tensor2D, w: tf.Tensor2D, frozen: boolean): tf.Tensor2D {
  const [inputs, kept] = frozen
    ? [[x], [w]]
    : [
        [x, w],
        [w, x],
      ];
  return withGradient<tf.Tensor2D>(
    inputs,
    () => ({ value: tf.zeros([x.shape[0], w.shape[1]]), saved: kept }),
    (dy, saved) => {
      const [w, x] = saved as [tf.Tensor2D, tf.Tensor2D | undefined];
      const dx = timesTransposed(dy, w);
      return x ? [dx, transposedTimes(x, dy)] : [dx];
    },
  );
}
