import type * as tf from '@tensorflow/tfjs';
import { type CacheSizes, DECODE_ATTENTION, FILL_CACHE } from '../fused/key-value-cache.js';
import type { WasmKernel } from './kernel.js';

type Tensors = Readonly<Record<string, tf.TensorInfo>>;

/** The kernel walks 16 positions at a time, and may read, but never use, those behind the last. */
const roundUp16 = (length: number): number => (length + 15) & ~15;

/** The prompt's keys and values into a cache, and attention of one new position a sequence. */
export const KEY_VALUE_CACHE_KERNELS: readonly WasmKernel[] = [
  {
    name: FILL_CACHE,
    compute: ({ call, output, pointer, scratch }, inputs, attributes) => {
      const { heads, size, length } = attributes as CacheSizes;
      const { k, v, cos, sin, lengths, sources } = inputs as Tensors;
      const room = roundUp16(length);
      const [contexts] = (lengths as tf.TensorInfo).shape as [number];
      const [slots] = (sources as tf.TensorInfo).shape as [number];
      const positions = ((k as tf.TensorInfo).shape[0] as number) / contexts;
      const keys = output([slots, heads, size, room]);
      const values = output([slots, heads, room, size]);
      const tensors = [lengths, sources, k, v, cos, sin, keys, values] as tf.TensorInfo[];
      call(
        'fillCache',
        ...[contexts, positions, heads, size, room, slots, ...tensors.map(pointer)],
        scratch(call('decodeScratch', positions, size, room)),
      );
      return [keys, values];
    },
  },
  {
    name: DECODE_ATTENTION,
    compute: ({ call, output, pointer, scratch }, inputs, attributes) => {
      const { heads, size, length } = attributes as CacheSizes;
      const { q, k, v, cos, sin, slots, positions, keys, values } = inputs as Tensors;
      const room = roundUp16(length);
      const out = output((q as tf.TensorInfo).shape);
      const [rows] = out.shape as [number];
      const tensors = [slots, positions, q, k, v, cos, sin, keys, values, out] as tf.TensorInfo[];
      call(
        'decodeAttention',
        ...[rows, heads, size, room, ...tensors.map(pointer)],
        scratch(call('decodeScratch', 1, size, room)),
      );
      return out;
    },
  },
];
