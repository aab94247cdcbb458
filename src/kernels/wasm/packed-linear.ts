import type * as tf from '@tensorflow/tfjs';
import { PACK_MATRIX, PACKED_LINEAR } from '../fused/packed-linear.js';
import type { WasmKernel } from './kernel.js';

/** Products with matrices that stay the same for many of them. */
export const PACKED_LINEAR_KERNELS: readonly WasmKernel[] = [
  {
    name: PACK_MATRIX,
    compute: ({ call, output, pointer }, { w }) => {
      const [rows, columns] = (w as tf.TensorInfo).shape as [number, number];
      const packed = output([call('panelBytes', rows, columns) / 4]);
      call('packPanels', rows, columns, pointer(w as tf.TensorInfo), 4 * columns, 4, pointer(packed));
      return packed;
    },
  },
  {
    name: PACKED_LINEAR,
    compute: ({ call, output, pointer, scratch }, { x, ...packed }, attributes) => {
      const [rows, inner] = (x as tf.TensorInfo).shape as [number, number];
      const edge = scratch(call('gemmPackedScratch'));
      return Object.values(packed).map((panels, i) => {
        const columns = attributes[`columns${i}`] as number;
        const out = output([rows, columns]);
        call(
          'gemmPacked',
          ...[rows, columns, inner, pointer(x as tf.TensorInfo), 4 * inner, 4, pointer(panels)],
          ...[pointer(out), 4 * columns, 0, edge],
        );
        return out;
      });
    },
  },
];
