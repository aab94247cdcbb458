/**
 * Registers the `webgpu` backend of TensorFlow.js in Node, through Dawn, and makes it the current one.
 * Import it before anything makes a tensor: vitest's set-up file, or `node --import`.
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
globalThis.navigator ??= {}; // Node 20 has none
Object.defineProperty(globalThis.navigator, 'gpu', { value: create([]), configurable: true });
// The backend looks for navigator.gpu when it is loaded, so an import, which runs first, would find none.
createRequire(import.meta.url)('@tensorflow/tfjs-backend-webgpu');
if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js could not start its backend webgpu');
await tf.ready();

/** Dawn prints what it refuses and goes on, with zeros for results: whoever runs on it has to ask. */
const refused = [];
const { device } = tf.backend();
device.addEventListener('uncapturederror', ({ error }) => refused.push(error.message));

/** Throws if Dawn refused a command since the last call. */
export async function assertNothingRefused() {
  await device.queue.onSubmittedWorkDone();
  if (refused.length > 0) throw new Error(`WebGPU refused a command:\n${refused.splice(0).join('\n')}`);
}
