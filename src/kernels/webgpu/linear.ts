import * as tf from '@tensorflow/tfjs';
import { LINEAR, PROJECTIONS, PROJECTIONS_GRAD_X } from '../fused/linear.js';
import { type Gpu, sizeOf, type WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';
import { splitProduct } from './split-product.js';

/**
 * TensorFlow.js has four programs for a product. Two of them add in the order of k, and are what large products run by.
 * The others, for few outputs, do not: one sums as a tree, so that a row alone has other bits than among others; the other
 * adds parts as they come, so that no two runs give the same. Here the first two alone are used, and for long sums
 * over a batch `splitProduct`.
 */
const [SMALL, PACKED] = [2, 3];

/** Where TensorFlow.js splits sums. */
const LONG = 2000;

interface Backend extends tf.KernelBackend {
  /** As many tiles of 32 × 32 leave the device idle. */
  readonly thresholdToIncreaseWorkgroups: number;
}

const CHOICE = 'WEBGPU_MATMUL_PROGRAM_TYPE';

/** `op(a) · op(b)` by one of TensorFlow.js's programs, unless the user chose another. */
function stockProduct(
  inputs: Factors,
  { transposeA, transposeB }: Transposes,
  program: number,
): tf.TensorInfo {
  const { kernelFunc } = tf.getKernel('BatchMatMul', 'webgpu') as tf.KernelConfig;
  const before = tf.env().getNumber(CHOICE);
  if (before < 0) tf.env().set(CHOICE, program);
  try {
    const attrs = { transposeA, transposeB };
    return kernelFunc({ inputs: { ...inputs }, backend: tf.backend(), attrs }) as tf.TensorInfo;
  } finally {
    tf.env().set(CHOICE, before);
  }
}

interface Factors {
  readonly a: tf.TensorInfo;
  readonly b: tf.TensorInfo;
}

interface Transposes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

function product(gpu: Gpu, { a, b }: Factors, transposes: Transposes): tf.TensorInfo {
  const { transposeA, transposeB } = transposes;
  const [inner, rows] = transposeA
    ? (a.shape as [number, number])
    : [a.shape[1] as number, a.shape[0] as number];
  const columns = b.shape[transposeB ? 0 : 1] as number;
  const tiles = Math.ceil(rows / 32) * Math.ceil(columns / 32);
  const idle = (tf.backend() as Backend).thresholdToIncreaseWorkgroups;
  const few = tiles <= idle || (rows <= 8 && tiles <= 2 * idle);
  if (few && inner >= LONG && transposeA && !transposeB) return splitProduct(gpu, a, b);
  return stockProduct({ a, b }, transposes, few ? SMALL : PACKED);
}

const ADDED: WebGpuProgram = {
  name: `${PROJECTIONS_GRAD_X}Added`,
  inputs: { part: 'f32' },
  outputs: { sum: 'f32' },
  params: { size: 'u32' },
  workgroup: 64,
  source: `
fn main(group: u32, lane: u32) {
  let i = group * 64u + lane;
  if (i < params.size) { sum[i] += part[i]; }
}`,
};

/** Matrix products with every transpose, and several of one input. */
export const LINEAR_KERNELS: readonly WebGpuKernel[] = [
  {
    name: LINEAR,
    compute: (gpu, inputs, { transposeX, transposeW }) => {
      const { x, w } = inputs as Readonly<Record<'x' | 'w', tf.TensorInfo>>;
      return product(
        gpu,
        { a: x, b: w },
        { transposeA: Boolean(transposeX), transposeB: Boolean(transposeW) },
      );
    },
  },
  {
    name: PROJECTIONS,
    compute: (gpu, inputs) => {
      const [x, ...weights] = Object.values(inputs) as [tf.TensorInfo, ...tf.TensorInfo[]];
      return weights.map((w) => product(gpu, { a: x, b: w }, { transposeA: false, transposeB: false }));
    },
  },
  {
    name: PROJECTIONS_GRAD_X,
    compute: (gpu, inputs, { count }) => {
      const parts = Array.from({ length: count as number }, (_, i) =>
        product(
          gpu,
          { a: inputs[`dy${i}`] as tf.TensorInfo, b: inputs[`w${i}`] as tf.TensorInfo },
          { transposeA: false, transposeB: true },
        ),
      );
      const [sum, ...more] = parts as [tf.TensorInfo, ...tf.TensorInfo[]];
      const size = sizeOf(sum);
      for (const part of more) {
        gpu.run(ADDED, { tensors: { part, sum }, params: { size }, groups: Math.ceil(size / 64) });
        gpu.dispose(part);
      }
      return sum;
    },
  },
];
