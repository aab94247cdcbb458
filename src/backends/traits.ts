import * as tf from '@tensorflow/tfjs';
import { WASM_MEMORY_BYTES } from './wasm-memory.js';
import { webGpuLimits } from './webgpu/limits.js';

/** What code that runs on every backend has to know of the present one. */
export interface BackendTraits {
  /** The name in words. */
  readonly name: string;
  /** A product that reads a matrix transposed is slower than transposing it first. */
  readonly transposesFirst: boolean;
  /** What all tensors together may take; infinite where nobody knows. */
  readonly memoryBytes: number;
  /** What one tensor may take; infinite without such a limit. */
  readonly tensorBytes: number;
}

/** Traits of the present backend. */
export function backendTraits(): BackendTraits {
  const name = tf.getBackend();
  switch (name) {
    case 'wasm':
      return {
        name,
        // With a transpose flag its product runs at 2.5 GFLOPS, a transpose and a plain product at 30.
        transposesFirst: true,
        memoryBytes: WASM_MEMORY_BYTES,
        tensorBytes: WASM_MEMORY_BYTES - 1,
      };
    case 'webgpu':
      return { ...UNLIMITED, name, tensorBytes: webGpuLimits(tf.backend()).tensorBytes };
    default:
      return { ...UNLIMITED, name };
  }
}

const UNLIMITED = {
  transposesFirst: false,
  memoryBytes: Number.POSITIVE_INFINITY,
  tensorBytes: Number.POSITIVE_INFINITY,
} as const;
