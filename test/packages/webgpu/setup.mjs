/**
 * Registers the `webgpu` backend of TensorFlow.js in Node, through Dawn, and makes it the current one.
 * Import it before anything makes a tensor.
 */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
globalThis.navigator ??= {}; // Node 20 has none
Object.defineProperty(globalThis.navigator, 'gpu', { value: create([]), configurable: true });
// The backend looks for navigator.gpu when it is loaded, so an import, which runs first, would find none.
createRequire(import.meta.url)('@tensorflow/tfjs-backend-webgpu');
if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js could not start its backend webgpu.');
await tf.ready();

/** What Dawn refused: it prints that and goes on, with garbage for results, so whoever runs on it has to ask. */
const refused = [];
const { device } = tf.backend();
device.addEventListener('uncapturederror', ({ error }) => refused.push(error.message));
process.on('exit', () => {
  if (refused.length > 0) process.exitCode = 1;
});

/** Throws if Dawn refused a command since the last call. */
export async function assertNothingRefused() {
  await device.queue.onSubmittedWorkDone();
  if (refused.length > 0) throw new Error(`WebGPU refused a command: ${refused.splice(0)[0]}`);
}
