import * as tf from '@tensorflow/tfjs';
import type { WebGpuBackend } from '../../backends/webgpu/backend.js';
import { webGpuLimits } from '../../backends/webgpu/limits.js';
import { BicotError } from '../../errors.js';
import { runProgram, type WebGpuProgram, type WebGpuRun } from './program.js';

type Inputs = Readonly<Record<string, tf.TensorInfo>>;
type Attributes = Readonly<Record<string, number>>;

/** What a kernel computes with. */
export interface Gpu {
  /**
   * A tensor to write to, its numbers whatever was in its memory.
   * @throws BicotError `unsupported` if it is larger than what the device binds: WebGPU itself would only go on with garbage
   */
  readonly output: (shape: readonly number[], dtype?: 'float32' | 'int32') => tf.TensorInfo;
  /** The numbers of a tensor as another tensor: nothing is copied. */
  readonly share: (tensor: tf.TensorInfo) => tf.TensorInfo;
  readonly run: (program: WebGpuProgram, run: WebGpuRun) => void;
  /** Gives up what `output` made for the kernel alone, once what was recorded has read it. */
  readonly dispose: (tensor: tf.TensorInfo) => void;
}

/** A kernel as its file describes it. */
export interface WebGpuKernel {
  readonly name: string;
  /** Computes the outputs; inputs that a call may leave out are undefined. */
  readonly compute: (gpu: Gpu, inputs: Inputs, attributes: Attributes) => tf.TensorInfo | tf.TensorInfo[];
}

/** Registers kernels with TensorFlow.js's WebGPU backend. */
export function registerKernels(list: readonly WebGpuKernel[]): void {
  for (const { name, compute } of list) {
    tf.registerKernel({
      kernelName: name,
      backendName: 'webgpu',
      kernelFunc: ({ inputs, backend, attrs }) =>
        compute(gpuOf(backend as WebGpuBackend), inputs as unknown as Inputs, attrs as unknown as Attributes),
    });
  }
}

function gpuOf(backend: WebGpuBackend): Gpu {
  return {
    output: (shape, dtype = 'float32') => {
      const bytes = 4 * tf.util.sizeFromShape([...shape]);
      const most = webGpuLimits(backend).tensorBytes;
      if (bytes > most) {
        throw new BicotError(
          'unsupported',
          `WebGPU: a kernel makes [${shape}], ${bytes} bytes, but this device's shaders reach at most ${most} of a tensor. Compute fewer rows at once.`,
        );
      }
      return backend.makeTensorInfo([...shape], dtype);
    },
    share: ({ dataId, shape, dtype }) => {
      backend.incRef(dataId);
      return { dataId, shape, dtype };
    },
    run: (program, run) => runProgram(backend, program, run),
    dispose: ({ dataId }) => void backend.disposeData(dataId),
  };
}

/** Numbers in a tensor. */
export const sizeOf = ({ shape }: tf.TensorInfo): number => tf.util.sizeFromShape(shape);
