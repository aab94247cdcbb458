import type * as tf from '@tensorflow/tfjs';
import { type AttentionSizes, CAUSAL_ATTENTION, CAUSAL_ATTENTION_GRAD } from '../fused/causal-attention.js';
import type { WasmKernel } from './kernel.js';

type Tensors = Readonly<Record<string, tf.TensorInfo>>;

/** Rotary causal attention, head by head, and its gradient. */
export const CAUSAL_ATTENTION_KERNELS: readonly WasmKernel[] = [
  {
    name: CAUSAL_ATTENTION,
    compute: ({ call, output, pointer, scratch }, inputs, attributes) => {
      const { batch, length, heads, size } = attributes as AttentionSizes;
      const { q, k, v, cos, sin } = inputs as Tensors;
      const out = output([batch * length, heads * size]);
      const normalizers = output([batch, heads, length]);
      const at = (tensor: tf.TensorInfo | undefined): number => pointer(tensor as tf.TensorInfo);
      call(
        'attention',
        ...[batch, length, heads, size, at(q), at(k), at(v), 4 * heads * size, at(cos), at(sin)],
        ...[at(out), at(normalizers), scratch(call('attentionScratch', length, size))],
      );
      return [out, normalizers];
    },
  },
  {
    name: CAUSAL_ATTENTION_GRAD,
    compute: ({ call, output, pointer, scratch }, inputs, attributes) => {
      const { batch, length, heads, size } = attributes as AttentionSizes;
      const { q, k, v, cos, sin, out, normalizers, dy } = inputs as Tensors;
      const gradients = [q, k, v].map(() => output([batch * length, heads * size]));
      const tensors = [q, k, v, cos, sin, out, normalizers, dy, ...gradients] as tf.TensorInfo[];
      const room = scratch(call('attentionGradScratch', length, size));
      call('attentionGrad', batch, length, heads, size, ...tensors.map(pointer), room);
      return gradients;
    },
  },
];
