import * as tf from '@tensorflow/tfjs';

/** The parts of TensorFlow.js's wasm backend (4.x) that its own reads use. */
interface WasmMemory {
  readonly wasm: { readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { get(id: object): { readonly memoryOffset: number } };
}

/**
 * Copies a float32 tensor's numbers to where the caller wants them. `data()` makes an array of them first, which for
 * the gradients of a model in every step keeps the garbage collector at work for longer than the copy takes.
 * @param target as many numbers as the tensor has; may be shared memory
 */
export async function readInto(tensor: tf.Tensor, target: Float32Array): Promise<void> {
  if (tf.getBackend() === 'wasm' && tensor.size > 0 && !tensor.isDisposed) {
    const { wasm, dataIdMap } = tf.backend() as unknown as WasmMemory;
    const { memoryOffset } = dataIdMap.get(tensor.dataId);
    target.set(new Float32Array(wasm.HEAPU8.buffer, memoryOffset, tensor.size));
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
  const own = tf.getBackend() === 'wasm' ? values : values.slice();
  return tf.tensor(own, [...shape], 'float32');
}
