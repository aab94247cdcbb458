import * as tf from '@tensorflow/tfjs';
import type { WasmKernels } from './module.js';

type Inputs = Readonly<Record<string, tf.TensorInfo>>;
type Attributes = Readonly<Record<string, number>>;

/** A kernel as its file describes it. */
export interface WasmKernel {
  readonly name: string;
  /** Computes the outputs; inputs that a call may leave out are undefined. */
  readonly compute: (
    kernels: WasmKernels,
    inputs: Inputs,
    attributes: Attributes,
  ) => tf.TensorInfo | tf.TensorInfo[];
}

/** Registers kernels with TensorFlow.js's wasm backend. */
export function registerKernels(
  list: readonly WasmKernel[],
  kernelsOf: (backend: tf.KernelBackend) => WasmKernels,
): void {
  for (const { name, compute } of list) {
    tf.registerKernel({
      kernelName: name,
      backendName: 'wasm',
      kernelFunc: ({ inputs, backend, attrs }) =>
        compute(
          kernelsOf(backend as tf.KernelBackend),
          inputs as unknown as Inputs,
          attrs as unknown as Attributes,
        ),
    });
  }
}
