import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';

/** The same values, with no gradient through them. Same shape; the caller disposes it. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return tf.customGrad((y) => ({
    value: tf.clone(y as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x) as T;
}

/**
 * Throws if TensorFlow.js was loaded without its gradients (`@tensorflow/tfjs-core` alone has none).
 * @throws BicotError `backend`
 */
export function assertGradientsRegistered(): void {
  if (!tf.getGradient('Sum')) {
    throw new BicotError(
      'backend',
      "TensorFlow.js has no gradients registered. Import '@tensorflow/tfjs' (not '@tensorflow/tfjs-core' alone), and make sure that only one copy of it is installed (npm ls @tensorflow/tfjs-core).",
    );
  }
}
