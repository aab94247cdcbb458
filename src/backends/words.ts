import * as tf from '@tensorflow/tfjs';

/** What the plain backend is, for people. */
export const CPU_IN_WORDS = 'plain JavaScript on the CPU (slow: for tests and tiny models)';

/** What wasm, which has been started, is. */
export const wasmInWords = (): string =>
  `WebAssembly${tf.env().get('WASM_HAS_SIMD_SUPPORT') ? ' with SIMD' : ''}`;
