import type * as tf from '@tensorflow/tfjs';
import { ADD_RMS_NORM, RMS_NORM, RMS_NORM_GRAD } from '../fused/rms-norm.js';
import type { WasmKernel } from './kernel.js';

/** Normalisation of rows, alone and of a sum, and its gradient. */
export const RMS_NORM_KERNELS: readonly WasmKernel[] = [
  {
    name: RMS_NORM,
    compute: ({ call, output, pointer }, inputs, { epsilon }) => {
      const { x, gain } = inputs as Readonly<Record<'x' | 'gain', tf.TensorInfo>>;
      const [rows, width] = x.shape as [number, number];
      const [y, scales] = [output([rows, width]), output([rows])];
      const [input, gains, to, rest] = [x, gain, y, scales].map(pointer) as [number, number, number, number];
      call('rmsNorm', rows, width, input, 0, 0, gains, to, rest, epsilon as number);
      return [y, scales];
    },
  },
  {
    name: ADD_RMS_NORM,
    compute: ({ call, output, pointer }, inputs, { epsilon }) => {
      const { x, residual, gain } = inputs as Readonly<Record<'x' | 'residual' | 'gain', tf.TensorInfo>>;
      const [rows, width] = x.shape as [number, number];
      const [stream, y, scales] = [output([rows, width]), output([rows, width]), output([rows])];
      const pointers = [x, residual, stream, gain, y, scales].map(pointer);
      call('rmsNorm', rows, width, ...pointers, epsilon as number);
      return [stream, y, scales];
    },
  },
  {
    name: RMS_NORM_GRAD,
    compute: ({ call, output, pointer }, { dStream, ...inputs }) => {
      const { x, gain, scales, dy } = inputs as Readonly<
        Record<'x' | 'gain' | 'scales' | 'dy', tf.TensorInfo>
      >;
      const [rows, width] = x.shape as [number, number];
      const [dx, dGain] = [output([rows, width]), output([width])];
      const pointers = [x, gain, scales, dy].map(pointer);
      call(
        'rmsNormGrad',
        ...[rows, width, ...pointers, dStream ? pointer(dStream) : 0, pointer(dx), pointer(dGain)],
      );
      return [dx, dGain];
    },
  },
];
