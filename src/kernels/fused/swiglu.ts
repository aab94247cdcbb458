import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Inputs gate, up; output `silu(gate) · up`. */
export const SWIGLU = 'BicotSwiglu';
/** Inputs gate, up, dy; outputs dGate, dUp. */
export const SWIGLU_GRAD = 'BicotSwigluGrad';

export function fusedSwiglu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  return runKernel<tf.Tensor2D>(SWIGLU, { gate, up });
}

export const SWIGLU_GRADIENTS: readonly tf.GradConfig[] = [
  {
    kernelName: SWIGLU,
    inputsToSave: ['gate', 'up'],
    gradFunc: (dy, saved) => {
      const [gate, up] = saved as [tf.Tensor, tf.Tensor];
      const [dGate, dUp] = runKernel<[tf.Tensor, tf.Tensor]>(SWIGLU_GRAD, { gate, up, dy: dy as tf.Tensor });
      return { gate: () => dGate, up: () => dUp };
    },
  },
];
