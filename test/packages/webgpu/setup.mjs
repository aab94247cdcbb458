/**
 * Makes WebGPU the current backend, as bicot does for its users; a GPU in software will do. Import it before anything
 * makes a tensor.
 */
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { selectBackend } from '../../../src/node/index.ts';

await selectBackend('webgpu', {
  projectFolder: fileURLToPath(new URL('.', import.meta.url)),
  allowSoftware: true,
});

/** Throws if the device refused a command: any read after it does. */
export async function assertNothingRefused() {
  const one = tf.tidy(() => tf.add(tf.ones([1]), 0));
  await tf.backend().device.queue.onSubmittedWorkDone();
  await one.data();
  one.dispose();
}
