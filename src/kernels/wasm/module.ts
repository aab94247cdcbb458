import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { FMA_MODULE } from './binary/fma.js';
import { PLAIN_MODULE } from './binary/plain.js';

/** What the compiled module exports: all numbers are pointers, counts, bytes or floats. */
type KernelExports = Readonly<Record<string, (...numbers: number[]) => number>>;

/** The kernels of one wasm backend, and how they reach its memory. */
export interface WasmKernels {
  /** Calls an exported function; see `assembly/`. */
  call(name: string, ...numbers: number[]): number;
  /** Where a tensor's numbers begin. */
  pointer(tensor: tf.TensorInfo): number;
  /** A new tensor whose numbers are whatever was in the memory. */
  output(shape: number[], dtype?: 'float32' | 'int32'): tf.TensorInfo;
  /** At least so many bytes, valid until the next call. */
  scratch(bytes: number): number;
}

/** The parts of TensorFlow.js's wasm backend (4.x) that its own kernels use. */
interface WasmBackend extends tf.KernelBackend {
  readonly wasm: {
    readonly asm?: { readonly memory?: WebAssembly.Memory };
    readonly wasmMemory?: WebAssembly.Memory;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
  };
  readonly dataIdMap: { get(id: object): { readonly memoryOffset: number } };
  makeOutput(shape: number[], dtype: string): tf.TensorInfo;
}

/**
 * Puts the kernels onto a wasm backend's own memory.
 * @param fma the relaxed-SIMD build, whose products and sums are fused
 * @throws if the engine or the backend is not what the kernels need (no SIMD, shared memory, another version)
 */
export function instantiateKernels(backend: tf.KernelBackend, fma: boolean): WasmKernels {
  const { wasm, dataIdMap } = backend as WasmBackend;
  const memory = wasm.asm?.memory ?? wasm.wasmMemory;
  const module = new WebAssembly.Module(bytes(fma ? FMA_MODULE : PLAIN_MODULE));
  const instance = new WebAssembly.Instance(module, { env: { memory: memory as WebAssembly.Memory } });
  const exports = instance.exports as unknown as KernelExports;
  let scratch = 0;
  let scratchBytes = 0;
  const allocate = (size: number): number => {
    // A pointer above 2 GB comes back negative.
    const pointer = wasm._malloc(size) >>> 0;
    if (pointer === 0) throw outOfMemory(size);
    return pointer;
  };
  return {
    call: (name, ...numbers) => (exports[name] as (...numbers: number[]) => number)(...numbers),
    pointer: (tensor) => dataIdMap.get(tensor.dataId).memoryOffset,
    output(shape, dtype = 'float32') {
      const info = (backend as WasmBackend).makeOutput(shape, dtype);
      const { memoryOffset } = dataIdMap.get(info.dataId);
      if (memoryOffset === 0) throw outOfMemory(4 * shape.reduce((a, b) => a * b, 1));
      return info;
    },
    scratch(size) {
      if (size > scratchBytes) {
        if (scratch !== 0) wasm._free(scratch);
        scratchBytes = Math.max(size, 1 << 20);
        scratch = allocate(scratchBytes);
      }
      return scratch;
    },
  };
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function outOfMemory(size: number): BicotError {
  return new BicotError(
    'backend',
    `The wasm backend has no room for ${size} more bytes. Lower microBatch, or dispose tensors that are no longer needed (tf.memory()).`,
  );
}
