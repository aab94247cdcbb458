import * as tf from '@tensorflow/tfjs';
import { wasmBackend } from './wasm-memory.js';

/**
 * Copies a float32 tensor's numbers to where the caller wants them. `data()` makes an array of them first, which for
 * the gradients of a model in every step keeps the garbage collector at work for longer than the copy takes.
 * @param target as many numbers as the tensor has; may be shared memory
 */
export async function readInto(tensor: tf.Tensor, target: Float32Array): Promise<void> {
  const backend = wasmBackend();
  if (backend && tensor.size > 0 && !tensor.isDisposed) {
    const { memoryOffset } = backend.dataIdMap.get(tensor.dataId);
    target.set(new Float32Array(backend.wasm.HEAPU8.buffer, memoryOffset, tensor.size));
    return;
  }
  target.set((await tensor.data()) as Float32Array);
}

/**
 * A tensor of numbers that may change later: those of now.
 * @param values may be shared memory
 * @returns the caller disposes it
 */
export function tensorOfNow(values: Float32Array, shape: readonly number[]): tf.Tensor {
  // The wasm backend copies what it is given at once; others keep the array, some until the first operation.
  const own = wasmBackend() ? values : values.slice();
  return tf.tensor(own, [...shape], 'float32');
}
