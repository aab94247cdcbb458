import * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { withGradient } from './custom-gradient.js';

/**
 * `a + b`, of one shape. Unlike `tf.add`, which must remember whether it broadcast, it keeps neither of them for the
 * gradient: residual streams and adapters add large tensors that nothing else needs.
 * @returns same shape; the caller disposes it
 */
export function sum<Tensor extends tf.Tensor>(a: Tensor, b: Tensor): Tensor {
  assertShape('sum: b', b, a.shape);
  return withGradient<Tensor>(
    [a, b],
    () => ({ value: tf.add(a, b), saved: [] }),
    // TensorFlow.js disposes a gradient when it adds another to it, so each has one of its own.
    (dy) => [tf.clone(dy), tf.clone(dy)],
  );
}
