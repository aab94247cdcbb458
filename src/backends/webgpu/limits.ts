import type * as tf from '@tensorflow/tfjs';
import type { WebGpuBackend } from './backend.js';

/** What a WebGPU device allows. */
export interface WebGpuLimits {
  /** Bytes of one tensor: a shader sees it as one binding of one buffer. */
  readonly tensorBytes: number;
  /** Tensors that one program can read and write. */
  readonly tensorsPerProgram: number;
}

/** The limits of a backend's device. */
export function webGpuLimits(backend: tf.KernelBackend): WebGpuLimits {
  const { limits } = (backend as WebGpuBackend).device;
  return {
    tensorBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
    tensorsPerProgram: limits.maxStorageBuffersPerShaderStage,
  };
}
