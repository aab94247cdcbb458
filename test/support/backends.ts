import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect } from 'vitest';
import { loadKernels } from '../../src/kernels/choice.js';

/** Those that every machine has, or those that BICOT_TEST_BACKENDS names, such as `webgpu`; see test/packages/webgpu. */
export const BACKENDS: readonly string[] = process.env.BICOT_TEST_BACKENDS?.split(',') ?? ['cpu', 'wasm'];

/** For tests that run once. */
export const DEFAULT_BACKEND = BACKENDS.at(-1) as string;

/** Runs a suite once per backend. */
export function describeOnBackends(name: string, suite: (backend: string) => void): void {
  for (const backend of BACKENDS) {
    describe(`${name} [${backend}]`, () => {
      beforeAll(async () => {
        await tf.setBackend(backend);
        await tf.ready();
        await loadKernels();
      });
      suite(backend);
    });
  }
}

/** Fails if the action leaves tensors behind (beyond `allowed`, for results the caller owns). */
export async function expectNoLeak(action: () => void | Promise<void>, allowed = 0): Promise<void> {
  const before = tf.memory().numTensors;
  await action();
  expect(tf.memory().numTensors - before).toBe(allowed);
}
