import type * as tf from '@tensorflow/tfjs';
import { ADAM_W, type AdamWNumbers } from '../fused/adamw.js';
import type { WasmKernel } from './kernel.js';

/**
 * One optimiser update in one pass. It gives new tensors and does not write into the old ones: stock kernels keep packed
 * copies of matrices that they know by their tensor.
 */
export const ADAM_W_KERNELS: readonly WasmKernel[] = [
  {
    name: ADAM_W,
    compute: ({ call, output, pointer }, inputs, attributes) => {
      const { variable, gradient, mean, square } = inputs as Readonly<Record<string, tf.TensorInfo>>;
      const { shape } = variable as tf.TensorInfo;
      const outputs = [output(shape), output(shape), output(shape)];
      const { beta1, beta2, epsilon, rate, correction, shrink } = attributes as AdamWNumbers;
      const tensors = [variable, gradient, mean, square, ...outputs] as tf.TensorInfo[];
      call(
        'adamw',
        ...[shape.reduce((a, b) => a * b, 1), ...tensors.map(pointer)],
        ...[beta1, 1 - beta1, beta2, 1 - beta2, rate, correction, epsilon, shrink],
      );
      return outputs;
    },
  },
];
