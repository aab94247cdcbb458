import * as tf from '@tensorflow/tfjs';

/** The parts of TensorFlow.js's wasm backend (4.x) that its own kernels and reads use. */
export interface WasmBackend extends tf.KernelBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { get(id: object): { readonly memoryOffset: number } };
  makeOutput(shape: number[], dtype: string): tf.TensorInfo;
}

/** Where wasm's memory ends. */
export const WASM_MEMORY_BYTES = 2 ** 32;

/** The present backend, if it is wasm. */
export function wasmBackend(): WasmBackend | undefined {
  return tf.getBackend() === 'wasm' ? (tf.backend() as WasmBackend) : undefined;
}
