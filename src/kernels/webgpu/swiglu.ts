import type * as tf from '@tensorflow/tfjs';
import { SWIGLU, SWIGLU_GRAD } from '../fused/swiglu.js';
import { sizeOf, type WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';

const WORKGROUP = 64;

/** `sigmoid(x)` without an overflow: of e^−|x|. */
export const SIGMOID = `
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}`;

const FORWARD: WebGpuProgram = {
  name: SWIGLU,
  inputs: { gate: 'f32', up: 'f32' },
  outputs: { y: 'f32' },
  params: { size: 'u32' },
  workgroup: WORKGROUP,
  source: `${SIGMOID}
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.size) { return; }
  y[i] = gate[i] * sigmoid(gate[i]) * up[i];
}`,
};

const BACKWARD: WebGpuProgram = {
  name: SWIGLU_GRAD,
  inputs: { gate: 'f32', up: 'f32', dy: 'f32' },
  outputs: { dGate: 'f32', dUp: 'f32' },
  params: { size: 'u32' },
  workgroup: WORKGROUP,
  source: `${SIGMOID}
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.size) { return; }
  let g = gate[i];
  let s = sigmoid(g);
  dUp[i] = dy[i] * g * s;
  // d silu = σ + x · σ · (1 − σ), where 1 − σ(x) = σ(−x) keeps its digits
  dGate[i] = dy[i] * up[i] * (s + g * s * sigmoid(-g));
}`,
};

/** The gated activation and its gradient. */
export const SWIGLU_KERNELS: readonly WebGpuKernel[] = [
  {
    name: SWIGLU,
    compute: ({ output, run }, inputs) => {
      const { gate, up } = inputs as { gate: tf.TensorInfo; up: tf.TensorInfo };
      const y = output(gate.shape);
      const size = sizeOf(gate);
      run(FORWARD, { tensors: { gate, up, y }, params: { size }, groups: Math.ceil(size / WORKGROUP) });
      return y;
    },
  },
  {
    name: SWIGLU_GRAD,
    compute: ({ output, run }, inputs) => {
      const { gate, up, dy } = inputs as { gate: tf.TensorInfo; up: tf.TensorInfo; dy: tf.TensorInfo };
      const [dGate, dUp] = [output(gate.shape), output(gate.shape)];
      const size = sizeOf(gate);
      const tensors = { gate, up, dy, dGate, dUp };
      run(BACKWARD, { tensors, params: { size }, groups: Math.ceil(size / WORKGROUP) });
      return [dGate, dUp];
    },
  },
];
