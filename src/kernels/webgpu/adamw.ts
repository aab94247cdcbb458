import type * as tf from '@tensorflow/tfjs';
import { ADAM_W, type AdamWNumbers } from '../fused/adamw.js';
import { sizeOf, type WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';

const WORKGROUP = 64;

const UPDATE: WebGpuProgram = {
  name: ADAM_W,
  inputs: { variable: 'f32', gradient: 'f32', mean: 'f32', square: 'f32' },
  outputs: { nextVariable: 'f32', nextMean: 'f32', nextSquare: 'f32' },
  params: {
    ...{ size: 'u32', beta1: 'f32', rest1: 'f32', beta2: 'f32', rest2: 'f32' },
    ...{ rate: 'f32', correction: 'f32', epsilon: 'f32', shrink: 'f32' },
  },
  workgroup: WORKGROUP,
  source: `
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.size) { return; }
  let g = gradient[i];
  let m = mean[i] * params.beta1 + g * params.rest1;
  let s = square[i] * params.beta2 + g * g * params.rest2;
  nextMean[i] = m;
  nextSquare[i] = s;
  nextVariable[i] = variable[i] * params.shrink - m * params.rate / (sqrt(s) * params.correction + params.epsilon);
}`,
};

/** One optimiser update in one pass. It gives new tensors: others may hold the old ones. */
export const ADAM_W_KERNELS: readonly WebGpuKernel[] = [
  {
    name: ADAM_W,
    compute: ({ output, run }, inputs, attributes) => {
      const { variable } = inputs as Readonly<Record<'variable', tf.TensorInfo>>;
      const { beta1, beta2, ...numbers } = attributes as AdamWNumbers;
      const outputs = [output(variable.shape), output(variable.shape), output(variable.shape)] as const;
      const [nextVariable, nextMean, nextSquare] = outputs;
      const size = sizeOf(variable);
      run(UPDATE, {
        tensors: { ...inputs, nextVariable, nextMean, nextSquare },
        params: { ...numbers, size, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2 },
        groups: Math.ceil(size / WORKGROUP),
      });
      return [...outputs];
    },
  },
];
