import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';

/**
 * Runs `compute` without recording it for gradients, so that it may use operations that have none (comparisons), and
 * costs nothing in the backward pass.
 */
export function untaped<T extends tf.Tensor>(compute: () => T): T {
  // Nothing inside a custom-gradient operation is recorded, and this one has no inputs to send gradients to.
  return tf.customGrad(() => ({ value: compute(), gradFunc: () => [] }))() as T;
}

/** The same values, with no gradient through them. Same shape; the caller disposes it. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return untaped(() => tf.clone(x));
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
