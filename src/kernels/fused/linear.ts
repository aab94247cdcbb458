import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** `op(x) · op(w)`: inputs x, w; attributes transposeX, transposeW. */
export const LINEAR = 'BicotLinear';
/** `[x · w0, x · w1, …]`: inputs a list, [x, w0, w1, …]. */
export const PROJECTIONS = 'BicotProjections';
/** `Σ dyᵢ · wᵢᵀ`: inputs dy0, w0, dy1, w1, …; attribute count. */
export const PROJECTIONS_GRAD_X = 'BicotProjectionsGradX';

/** `op(x) · op(w)` */
export function fusedProduct(
  x: tf.Tensor,
  w: tf.Tensor,
  transposeX: boolean,
  transposeW: boolean,
): tf.Tensor2D {
  const attributes = { transposeX: transposeX ? 1 : 0, transposeW: transposeW ? 1 : 0 };
  return runKernel<tf.Tensor2D>(LINEAR, { x, w }, attributes);
}

/** `x · w` */
export function fusedLinear(x: tf.Tensor2D, w: tf.Tensor2D): tf.Tensor2D {
  return fusedProduct(x, w, false, false);
}

/** Several products of one input. */
export function fusedProjections(x: tf.Tensor2D, weights: readonly tf.Tensor2D[]): tf.Tensor2D[] {
  return runKernel<tf.Tensor2D[]>(PROJECTIONS, [x, ...weights]);
}

export const LINEAR_GRADIENTS: readonly tf.GradConfig[] = [
  {
    kernelName: LINEAR,
    inputsToSave: ['x', 'w'],
    gradFunc: (dy, saved) => {
      const [x, w] = saved as [tf.Tensor, tf.Tensor];
      return {
        x: () => fusedProduct(dy as tf.Tensor, w, false, true),
        w: () => fusedProduct(x, dy as tf.Tensor, true, false),
      };
    },
  },
  {
    kernelName: PROJECTIONS,
    saveAllInputs: true,
    gradFunc: (dys, saved) => {
      const [x, ...weights] = saved as [tf.Tensor, ...tf.Tensor[]];
      // Of one output, TensorFlow.js gives the gradient itself and no list.
      const gradients = (Array.isArray(dys) ? dys : [dys]) as tf.Tensor[];
      const inputs: Record<string, tf.Tensor> = {};
      weights.forEach((w, i) => {
        inputs[`dy${i}`] = gradients[i] as tf.Tensor;
        inputs[`w${i}`] = w;
      });
      // Of a list of inputs, TensorFlow.js wants a list of gradients.
      return [
        () => runKernel<tf.Tensor2D>(PROJECTIONS_GRAD_X, inputs, { count: weights.length }),
        ...weights.map((_, i) => () => fusedProduct(x, gradients[i] as tf.Tensor, true, false)),
      ] as unknown as Record<string, () => tf.Tensor>;
    },
  },
];
