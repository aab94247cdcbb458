import type * as tf from '@tensorflow/tfjs';
import { GATHER_ROWS, SCATTER_ADD_ROWS } from '../fused/embedding.js';
import type { WasmKernel } from './kernel.js';

/** Rows by index and sums by index. */
export const EMBEDDING_KERNELS: readonly WasmKernel[] = [
  {
    name: GATHER_ROWS,
    compute: ({ call, output, pointer }, inputs) => {
      const { table, ids } = inputs as { table: tf.TensorInfo; ids: tf.TensorInfo };
      const [rows, width] = table.shape as [number, number];
      const [count] = ids.shape as [number];
      const y = output([count, width]);
      call('gatherRows', count, width, rows, pointer(table), pointer(ids), pointer(y));
      return y;
    },
  },
  {
    name: SCATTER_ADD_ROWS,
    compute: ({ call, output, pointer }, inputs, { rows }) => {
      const { x, ids } = inputs as { x: tf.TensorInfo; ids: tf.TensorInfo };
      const [count, width] = x.shape as [number, number];
      const sums = output([rows as number, width]);
      call('scatterAddRows', count, width, pointer(x), pointer(ids), rows as number, pointer(sums));
      return sums;
    },
  },
];
