import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { startWebGpu, type WebGpuOptions, type WebGpuParts } from '../backends/webgpu/start.js';

/** The packages that WebGPU in Node is made of: Dawn, and TensorFlow.js's backend. */
export const WEBGPU_PACKAGES = ['webgpu', '@tensorflow/tfjs-backend-webgpu'] as const;

interface Dawn {
  /** WebGPU's classes and constants, which the backend looks for among the global names. */
  readonly globals: Readonly<Record<string, unknown>>;
  create(options: readonly string[]): WebGpuParts['gpu'];
}

/** The `navigator.gpu` that Dawn gave; one is enough for a process. */
let gpu: WebGpuParts['gpu'] | undefined;

/**
 * Gives Node a `navigator.gpu` if it has none, and starts the backend on it.
 * @param dawn where the package `webgpu` is
 * @param library where `@tensorflow/tfjs-backend-webgpu` is
 * @returns one line for people
 * @throws BicotError as `startWebGpu`, Error without a GPU
 */
export async function startWebGpuInNode(
  dawn: string,
  library: string,
  options: WebGpuOptions,
): Promise<string> {
  if (!gpu) {
    // A path, so that the bundle imports it as it is; the package is an ES module.
    const { create, globals } = (await import(/* @vite-ignore */ pathToFileURL(dawn).href)) as Dawn;
    Object.assign(globalThis, globals);
    gpu = create([]);
    const scope = globalThis as { navigator?: object };
    scope.navigator ??= {}; // Node 20 has none
    Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true });
  }
  // Only now: TensorFlow.js looks for navigator.gpu when it is loaded.
  const parts = { gpu, library: createRequire(library)(library) as WebGpuParts['library'] };
  const started = await startWebGpu(parts, options);
  if (!started) {
    throw new Error(
      'Dawn finds no GPU: install the Vulkan loader and the driver of the GPU (Debian and Ubuntu: apt-get install libvulkan1 mesa-vulkan-drivers, or NVIDIA’s driver with its Vulkan part)',
    );
  }
  return `WebGPU on ${started.adapter}`;
}
