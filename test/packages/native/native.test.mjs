/** The set-up of this folder does what the other suites rely on, and repairs are needed and made. */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

const require = createRequire(import.meta.url);

it('runs on native TensorFlow, with one TensorFlow.js', () => {
  expect(tf.getBackend()).toBe('tensorflow');
  expect(tf.backend().binding.TF_Version).toMatch(/^2\./);
  const cores = Object.keys(require.cache).filter((file) => /tfjs-core[\\/]dist[\\/][^\\/]*\.js$/.test(file));
  expect(cores).toEqual([require.resolve('@tensorflow/tfjs-core')]);
  expect(tf.Tensor).toBe(require('@tensorflow/tfjs-core').Tensor);
});

it('rounds whole numbers to themselves, and others to even', async () => {
  const whole = tf.round(tf.tensor1d([3, -4, 7, 2 ** 31 - 1], 'int32'));
  expect(whole.dtype).toBe('int32');
  expect([...(await whole.data())]).toEqual([3, -4, 7, 2 ** 31 - 1]);
  expect([...(await tf.round(tf.tensor1d([0.5, 1.5, -2.6])).data())]).toEqual([0, 2, -3]);
});

it('leaves nothing behind when it rounds', () => {
  const x = tf.tensor1d([1, 2], 'int32');
  const before = tf.memory().numTensors;
  tf.round(x).dispose();
  expect(tf.memory().numTensors).toBe(before);
});
