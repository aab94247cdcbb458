import * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Inputs x, gain, attribute epsilon; outputs y and the rows' scales. */
export const RMS_NORM = 'BicotRmsNorm';
/** As `RMS_NORM` of x + residual; outputs the sum, y and the scales. */
export const ADD_RMS_NORM = 'BicotAddRmsNorm';
/** Inputs x, gain, scales, dy and maybe dStream; outputs dx, dGain. */
export const RMS_NORM_GRAD = 'BicotRmsNormGrad';

export function fusedRmsNorm(x: tf.Tensor2D, gain: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  const [y, scales] = runKernel<[tf.Tensor2D, tf.Tensor1D]>(RMS_NORM, { x, gain }, { epsilon });
  scales.dispose();
  return y;
}

export function fusedAddRmsNorm(
  x: tf.Tensor2D,
  residual: tf.Tensor2D,
  gain: tf.Tensor1D,
  epsilon: number,
): { stream: tf.Tensor2D; normed: tf.Tensor2D } {
  const [stream, normed, scales] = runKernel<[tf.Tensor2D, tf.Tensor2D, tf.Tensor1D]>(
    ADD_RMS_NORM,
    { x, residual, gain },
    { epsilon },
  );
  scales.dispose();
  return { stream, normed };
}

// Both gradients come out of one pass, so it runs before TensorFlow.js asks for either: what it asks for, it asks for
// in a tidy of its own.
export const RMS_NORM_GRADIENTS: readonly tf.GradConfig[] = [
  {
    kernelName: RMS_NORM,
    inputsToSave: ['x', 'gain'],
    outputsToSave: [false, true],
    gradFunc: (dys, saved) => {
      const [x, gain, scales] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [dy] = dys as [tf.Tensor];
      const [dx, dGain] = runKernel<[tf.Tensor, tf.Tensor]>(RMS_NORM_GRAD, { x, gain, scales, dy });
      return { x: () => dx, gain: () => dGain };
    },
  },
  {
    kernelName: ADD_RMS_NORM,
    inputsToSave: ['gain'],
    outputsToSave: [true, false, true],
    gradFunc: (dys, saved) => {
      const [gain, x, scales] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [dStream, dy] = dys as [tf.Tensor, tf.Tensor];
      const inputs = { x, gain, scales, dy, dStream };
      const [dx, dGain] = runKernel<[tf.Tensor, tf.Tensor]>(RMS_NORM_GRAD, inputs);
      // Each gradient is disposed when it is added to another, so the two must not be one tensor.
      const dResidual = tf.clone(dx);
      return { x: () => dx, residual: () => dResidual, gain: () => dGain };
    },
  },
];
