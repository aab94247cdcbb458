import * as tf from '@tensorflow/tfjs';
import { webGpuLimits } from './limits.js';

let split = false;

/**
 * Registers `AddN` again, as sums of at most as many tensors as a program can bind. TensorFlow.js's own binds them all at
 * once; the device refuses that, and the sum was 0.
 */
export function splitAddN(): void {
  if (split) return;
  split = true;
  const kernel = tf.getKernel('AddN', 'webgpu');
  tf.unregisterKernel('AddN', 'webgpu');
  tf.registerKernel({
    ...kernel,
    kernelFunc: ({ inputs, backend, attrs }) => {
      const tensors = inputs as unknown as tf.TensorInfo[];
      const most = webGpuLimits(backend as tf.KernelBackend).tensorsPerProgram - 1;
      const sum = (some: readonly tf.TensorInfo[]): tf.TensorInfo =>
        kernel.kernelFunc({ inputs: [...some] as never, backend, attrs }) as tf.TensorInfo;
      let total = sum(tensors.slice(0, most));
      for (let i = most; i < tensors.length; i += most - 1) {
        const next = sum([total, ...tensors.slice(i, i + most - 1)]);
        (backend as tf.KernelBackend).disposeData(total.dataId);
        total = next;
      }
      return total;
    },
  });
}
