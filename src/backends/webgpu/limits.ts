import type * as tf from '@tensorflow/tfjs';
import type { WebGpuBackend, WebGpuDevice } from './backend.js';

/** What a WebGPU device allows. */
export interface WebGpuLimits {
  /** Bytes of one tensor: a shader sees it as one binding of one buffer. */
  readonly tensorBytes: number;
  /** Tensors that one program can read and write. */
  readonly tensorsPerProgram: number;
}

const known = new WeakMap<WebGpuDevice, WebGpuLimits>();

/** The limits of a backend's device. They are asked for at every operation, and reading them from a device is no plain read. */
export function webGpuLimits(backend: tf.KernelBackend): WebGpuLimits {
  const { device } = backend as WebGpuBackend;
  let limits = known.get(device);
  if (!limits) {
    const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = device.limits;
    limits = {
      tensorBytes: Math.min(maxBufferSize, maxStorageBufferBindingSize),
      tensorsPerProgram: maxStorageBuffersPerShaderStage,
    };
    known.set(device, limits);
  }
  return limits;
}
