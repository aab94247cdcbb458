import * as tf from '@tensorflow/tfjs';
import { isFused } from './choice.js';
import { withGradient } from './custom-gradient.js';
import { fusedLinear, LINEAR } from './fused/linear.js';
import { timesTransposed } from './gradient-products.js';

/**
 * `x · w` with a gradient of x only. A custom gradient is asked for all it has, so that without this a frozen matrix would
 * get a gradient of its own size; and x, which only that would need, is not kept.
 * @param x `[N, in]`
 * @param w `[in, out]`
 * @returns `[N, out]`; the caller disposes it
 */
export function frozenLinear(x: tf.Tensor2D, w: tf.Tensor2D): tf.Tensor2D {
  return withGradient<tf.Tensor2D>(
    [x],
    () => ({ value: isFused(LINEAR, [x, w]) ? fusedLinear(x, w) : tf.matMul(x, w), saved: [w] }),
    (dy, [w]) => [timesTransposed(dy, w as tf.Tensor2D)],
  );
}
