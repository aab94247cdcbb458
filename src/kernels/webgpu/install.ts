import { registerKernels, type WebGpuKernel } from './kernel.js';
import { SWIGLU_KERNELS } from './swiglu.js';

/** All kernels in WGSL. */
export const WEBGPU_KERNELS: readonly WebGpuKernel[] = [...SWIGLU_KERNELS];

let registered = false;

/** Brings the kernels onto the WebGPU backend; at once if it has them. */
export function installWebGpuKernels(): void {
  if (registered) return;
  registered = true;
  registerKernels(WEBGPU_KERNELS);
}
