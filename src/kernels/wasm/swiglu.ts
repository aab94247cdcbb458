import type * as tf from '@tensorflow/tfjs';
import { SWIGLU, SWIGLU_GRAD } from '../fused/swiglu.js';
import type { WasmKernel } from './kernel.js';

const sizeOf = ({ shape }: tf.TensorInfo): number => shape.reduce((a, b) => a * b, 1);

/** The gated activation and its gradient. */
export const SWIGLU_KERNELS: readonly WasmKernel[] = [
  {
    name: SWIGLU,
    compute: ({ call, output, pointer }, inputs) => {
      const { gate, up } = inputs as { gate: tf.TensorInfo; up: tf.TensorInfo };
      const y = output(gate.shape);
      call('swiglu', sizeOf(gate), pointer(gate), pointer(up), pointer(y));
      return y;
    },
  },
  {
    name: SWIGLU_GRAD,
    compute: ({ call, output, pointer }, inputs) => {
      const { gate, up, dy } = inputs as { gate: tf.TensorInfo; up: tf.TensorInfo; dy: tf.TensorInfo };
      const [dGate, dUp] = [output(gate.shape), output(gate.shape)];
      call('swigluGrad', sizeOf(gate), ...[gate, up, dy, dGate, dUp].map(pointer));
      return [dGate, dUp];
    },
  },
];
