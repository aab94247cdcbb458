import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect } from 'vitest';
import { type KernelChoice, loadKernels, setKernels } from '../../src/kernels/choice.js';
import { DEFAULT_BACKEND } from './backends.js';

// TensorFlow.js advertises its native backend once per test file; the output reads better without.
const { warn } = console;
console.warn = (...args: unknown[]) => {
  if (!String(args[0]).includes('looks like you are running TensorFlow.js in Node')) warn(...args);
};

type Numbers = ArrayLike<number>;

expect.extend({
  /** Max error over max magnitude: scale-free, and insensitive to entries that are themselves near 0. */
  toBeAllclose(received: Numbers, expected: Numbers, tolerance = 1e-5) {
    if (received.length !== expected.length) {
      return { pass: false, message: () => `lengths differ: ${received.length} and ${expected.length}` };
    }
    let error = 0;
    let magnitude = 0;
    let worst = 0;
    for (let i = 0; i < expected.length; i++) {
      const difference = Math.abs((received[i] as number) - (expected[i] as number));
      // NaN must fail, and NaN > error is false.
      if (!(difference <= error)) {
        error = difference;
        worst = i;
      }
      magnitude = Math.max(magnitude, Math.abs(expected[i] as number));
    }
    const relative = magnitude > 0 ? error / magnitude : error;
    return {
      pass: relative <= tolerance,
      message: () =>
        `max error ${relative} (over max magnitude ${magnitude}), tolerance ${tolerance}; worst at ${worst}: got ${received[worst]}, expected ${expected[worst]}`,
    };
  },
});

declare module 'vitest' {
  interface Matchers<T> {
    toBeAllclose(expected: Numbers, tolerance?: number): T;
  }
}

// BICOT_TEST_KERNELS=composed runs the tests on stock operations; those of the fused kernels choose for themselves.
setKernels((process.env.BICOT_TEST_KERNELS || 'fused') as KernelChoice);

beforeAll(async () => {
  await tf.setBackend(DEFAULT_BACKEND);
  await tf.ready();
  await loadKernels();
});
