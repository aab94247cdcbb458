import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { assertGradientsRegistered } from '../tensor/gradients.js';

/**
 * Checks that the present backend can train, on the same TensorFlow.js that the caller uses.
 * @throws BicotError `backend` if a gradient is wrong or a second copy of TensorFlow.js computed it
 */
export async function verifyBackend(name: string): Promise<void> {
  assertGradientsRegistered();
  const gradient = tf.tidy(() => tf.grad((x) => x.square().sum())(tf.tensor1d([1, 2])));
  const sameCopy = gradient instanceof tf.Tensor;
  const values = await gradient.data();
  gradient.dispose();
  if (!sameCopy) throw twoCopies('@tensorflow/tfjs-core');
  if (values[0] !== 2 || values[1] !== 4) {
    throw new BicotError(
      'backend',
      `Backend '${name}' computes a wrong gradient (of x² at 1, 2: got ${values.join(', ')}, expected 2, 4). Reinstall its package, or choose another backend.`,
    );
  }
}

/** A package that brought a TensorFlow.js of its own. */
export function twoCopies(pkg: string): BicotError {
  return new BicotError(
    'backend',
    `${pkg} uses a second copy of TensorFlow.js, so its tensors and gradients are unknown to this one. Install the same version of both (npm ls @tensorflow/tfjs; npm dedupe).`,
  );
}
