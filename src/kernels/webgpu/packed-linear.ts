import type * as tf from '@tensorflow/tfjs';
import { PACK_MATRIX, PACKED_LINEAR } from '../fused/packed-linear.js';
import { MOST_MATRICES, multiplyFewRows } from './few-rows-product.js';
import type { WebGpuKernel } from './kernel.js';

/** Products with matrices that stay the same for many of them: read as they are, so that packing costs no memory. */
export const PACKED_LINEAR_KERNELS: readonly WebGpuKernel[] = [
  {
    name: PACK_MATRIX,
    compute: ({ share }, { w }) => share(w as tf.TensorInfo),
  },
  {
    name: PACKED_LINEAR,
    compute: (gpu, { x, ...packed }, attributes) => {
      const rows = x as tf.TensorInfo;
      const matrices = Object.values(packed);
      const columns = matrices.map((_, i) => attributes[`columns${i}`] as number);
      const outs = columns.map((width) => gpu.output([rows.shape[0] as number, width]));
      for (let i = 0; i < matrices.length; i += MOST_MATRICES) {
        const [first, next] = [i, i + MOST_MATRICES];
        multiplyFewRows(gpu, {
          ...{ kind: 'apart', x: rows, matrices: matrices.slice(first, next) },
          ...{ columns: columns.slice(first, next), outs: outs.slice(first, next) },
        });
      }
      return outs;
    },
  },
];
