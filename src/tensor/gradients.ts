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

/**
 * Frees what a custom gradient had saved once its gradients are computed. TensorFlow.js does so only at the end of the
 * whole backward pass, when gradients have taken as much room again.
 * @param saved the clones that TensorFlow.js gave to the gradient function
 * @param gradients what it returns; stays
 */
export function freeSaved(saved: readonly tf.Tensor[], gradients: readonly tf.Tensor[]): void {
  // Inside a gradient of a gradient, the outer pass calls the same function again.
  if (tf.engine().state.gradientDepth > 0) return;
  tf.dispose(saved.filter((tensor) => !gradients.includes(tensor)));
}

/** The same values, with no gradient through them. Same shape; the caller disposes it. */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  return untaped(() => tf.clone(x));
}

/**
 * `tf.variableGrads`, with `undefined` instead of an error where the loss depends on none of the variables; and then it
 * leaves nothing behind, which TensorFlow.js would.
 * @returns the caller disposes value and gradients
 */
export function variableGradients(
  loss: () => tf.Scalar,
  variables: tf.Variable[],
): { value: tf.Scalar; grads: tf.NamedTensorMap } | undefined {
  try {
    return tf.tidy(() => tf.variableGrads(loss, variables));
  } catch (error) {
    if (error instanceof Error && error.message.includes('Cannot find a connection')) return undefined;
    throw error;
  }
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
