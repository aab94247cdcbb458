import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect } from 'vitest';

/** The backends that every machine has. */
export const BACKENDS = ['cpu', 'wasm'] as const;

/** Runs a suite once per backend. */
export function describeOnBackends(name: string, suite: (backend: string) => void): void {
  for (const backend of BACKENDS) {
    describe(`${name} [${backend}]`, () => {
      beforeAll(async () => {
        await tf.setBackend(backend);
        await tf.ready();
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
