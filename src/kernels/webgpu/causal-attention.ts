import type * as tf from '@tensorflow/tfjs';
import { type AttentionSizes, CAUSAL_ATTENTION, CAUSAL_ATTENTION_GRAD } from '../fused/causal-attention.js';
import {
  forwardProgram,
  keyGradientProgram,
  queryGradientProgram,
  TILE,
  valueGradientProgram,
} from './attention-tiles.js';
import type { Gpu, WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';

type Tensors = Readonly<Record<string, tf.TensorInfo>>;

const WORKGROUP = 64;

/** Position t and channel j of the first half, of each number that a pair begins with. */
const PAIR = `
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.pairs) { return; }
  let half = params.size / 2u;
  let j = i % half;
  let head = i / half; // of all positions
  let t = (head / params.heads) % params.length;
  let first = head * params.size + j;
  let second = first + half;
  let c = cos[t * params.size + j];
  let s = sin[t * params.size + j];`;

const PAIRS = { pairs: 'u32', size: 'u32', heads: 'u32', length: 'u32', scale: 'f32' } as const;

/** Queries, scaled, and keys, turned by their positions. */
const ROTATE: WebGpuProgram = {
  name: `${CAUSAL_ATTENTION} rotate`,
  inputs: { q: 'f32', k: 'f32', cos: 'f32', sin: 'f32' },
  outputs: { queries: 'f32', keys: 'f32' },
  params: PAIRS,
  workgroup: WORKGROUP,
  source: `
fn main(group: u32, lane: u32) {${PAIR}
  queries[first] = (q[first] * c - q[second] * s) * params.scale;
  queries[second] = (q[second] * c + q[first] * s) * params.scale;
  keys[first] = k[first] * c - k[second] * s;
  keys[second] = k[second] * c + k[first] * s;
}`,
};

/** Their gradients turned back, in place. */
const ROTATE_BACK: WebGpuProgram = {
  name: `${CAUSAL_ATTENTION_GRAD} rotate`,
  inputs: { cos: 'f32', sin: 'f32' },
  outputs: { dq: 'f32', dk: 'f32' },
  params: PAIRS,
  workgroup: WORKGROUP,
  source: `
fn main(group: u32, lane: u32) {${PAIR}
  let q = vec2<f32>(dq[first], dq[second]) * params.scale;
  dq[first] = q.x * c + q.y * s;
  dq[second] = q.y * c - q.x * s;
  let k = vec2<f32>(dk[first], dk[second]);
  dk[first] = k.x * c + k.y * s;
  dk[second] = k.y * c - k.x * s;
}`,
};

/** Σ weights · d weights of each position and head, which is out · dy: `[B, H, T]`. */
const MEANS: WebGpuProgram = {
  name: `${CAUSAL_ATTENTION_GRAD} means`,
  inputs: { out: 'f32', dy: 'f32' },
  outputs: { means: 'f32' },
  params: { count: 'u32', length: 'u32', size: 'u32', heads: 'u32' },
  workgroup: WORKGROUP,
  source: `
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.count) { return; }
  let t = i % params.length;
  let head = (i / params.length) % params.heads;
  let sequence = i / (params.length * params.heads);
  let at = ((sequence * params.length + t) * params.heads + head) * params.size;
  var sum = 0.0;
  for (var d = 0u; d < params.size; d++) { sum += out[at + d] * dy[at + d]; }
  means[i] = sum;
}`,
};

function rotated(
  { output, run }: Gpu,
  { q, k, cos, sin }: Tensors,
  { batch, length, heads, size }: AttentionSizes,
): { readonly queries: tf.TensorInfo; readonly keys: tf.TensorInfo } {
  const shape = [batch * length, heads * size];
  const [queries, keys] = [output(shape), output(shape)];
  const tensors = { q, k, cos, sin, queries, keys } as Tensors;
  run(ROTATE, { tensors, ...pairs({ batch, length, heads, size }) });
  return { queries, keys };
}

function pairs({ batch, length, heads, size }: AttentionSizes) {
  const count = (batch * length * heads * size) / 2;
  return {
    params: { pairs: count, size, heads, length, scale: 1 / Math.sqrt(size) },
    groups: Math.ceil(count / WORKGROUP),
  };
}

function tiles({ batch, length, heads, size }: AttentionSizes) {
  return {
    params: { length, size, width: heads * size, heads: batch * heads },
    groups: batch * heads * Math.ceil(length / TILE),
  };
}

/** Rotary causal attention in tiles, and its gradient. */
export const CAUSAL_ATTENTION_KERNELS: readonly WebGpuKernel[] = [
  {
    name: CAUSAL_ATTENTION,
    compute: (gpu, inputs, attributes) => {
      const { output, run, dispose } = gpu;
      const sizes = attributes as AttentionSizes;
      const { v } = inputs as Tensors;
      const { queries, keys } = rotated(gpu, inputs, sizes);
      const mixed = output(queries.shape);
      const normalizers = output([sizes.batch, sizes.heads, sizes.length]);
      const tensors = { q: queries, k: keys, v, mixed, normalizers } as Tensors;
      run(forwardProgram(sizes.size), { tensors, ...tiles(sizes) });
      for (const made of [queries, keys]) dispose(made);
      return [mixed, normalizers];
    },
  },
  {
    name: CAUSAL_ATTENTION_GRAD,
    compute: (gpu, inputs, attributes) => {
      const { output, run, dispose } = gpu;
      const sizes = attributes as AttentionSizes;
      const { batch, length, heads, size } = sizes;
      const { v, cos, sin, out, normalizers, dy } = inputs as Tensors;
      const { queries, keys } = rotated(gpu, inputs, sizes);
      const means = output([batch, heads, length]);
      const count = batch * heads * length;
      run(MEANS, {
        tensors: { out, dy, means } as Tensors,
        params: { count, length, size, heads },
        groups: Math.ceil(count / WORKGROUP),
      });
      const [dq, dk, dv] = [output(queries.shape), output(queries.shape), output(queries.shape)];
      const tensors = { q: queries, k: keys, v, dy, normalizers, means, dq, dk, dv } as Tensors;
      for (const programOf of [queryGradientProgram, keyGradientProgram, valueGradientProgram]) {
        run(programOf(size), { tensors, ...tiles(sizes) });
      }
      run(ROTATE_BACK, { tensors: { cos, sin, dq, dk } as Tensors, ...pairs(sizes) });
      for (const made of [queries, keys, means]) dispose(made);
      return [dq, dk, dv];
    },
  },
];
