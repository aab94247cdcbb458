import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { type BackendName, selectBackend } from 'bicot/node';

/** Where Dawn and TensorFlow.js's backend for it are installed. */
export const WEBGPU_FOLDER = fileURLToPath(new URL('../packages/webgpu', import.meta.url));

/** Starts a backend in this process. @param software whether a WebGPU adapter in software will do */
export async function startBackend(name: string, software: boolean): Promise<string> {
  if (name !== 'webgpu') return (await selectBackend(name as BackendName)).description;
  await import(`${WEBGPU_FOLDER}/setup.mjs`);
  void software;
  return 'WebGPU through Dawn';
}
export { tf };
