/** The set-up of this folder does what the other suites rely on. */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { assertNothingRefused } from './setup.mjs';

const require = createRequire(import.meta.url);

it('runs on WebGPU, with one TensorFlow.js', () => {
  expect(tf.getBackend()).toBe('webgpu');
  expect(tf.backend().adapterInfo).toBeDefined();
  const cores = Object.keys(require.cache).filter((file) => /tfjs-core[\\/]dist[\\/][^\\/]*\.js$/.test(file));
  expect(cores).toEqual([require.resolve('@tensorflow/tfjs-core')]);
  expect(tf.Tensor).toBe(require('@tensorflow/tfjs-core').Tensor);
});

it('notices what Dawn refuses, such as addN of 8 tensors', async () => {
  tf.addN(Array.from({ length: 8 }, () => tf.ones([1]))); // throws nothing
  await expect(assertNothingRefused()).rejects.toThrow(/storage buffers .* exceeds/);
  await assertNothingRefused();
});
