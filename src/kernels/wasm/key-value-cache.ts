import type * as tf from '@tensorflow/tfjs';
import { type CacheSizes, DECODE_ATTENTION, FILL_CACHE } from '../fused/key-value-cache.js';
import type { WasmKernel } from './kernel.js';

type Tensors = Readonly<Record<string, tf.TensorInfo>>;

/** The kernel walks 16 positions at a time, and may read, but never use, those behind the last. */
export const roundUp16 = (length: number): number => (length + 15) & ~15;

/** The prompt's keys and values into a cache, and attention of one new position a sequence. */
export const KEY_VALUE_CACHE_KERNELS: readonly WasmKernel[] = [
  {
    name: FILL_CACHE,
    compute: ({ call, output, pointer, scratch }, inputs, attributes) => {
      const { heads, size, slots, contextLength, ownLength } = attributes as CacheSizes;
      const { k, v, cos, sin, lengths } = inputs as Tensors;
      const [room, ownRoom] = [roundUp16(contextLength), roundUp16(ownLength)];
      const [contexts] = (lengths as tf.TensorInfo).shape as [number];
      const contextKeys = output([contexts, heads, size, room]);
      const contextValues = output([contexts, heads, room, size]);
      const tensors = [lengths, k, v, cos, sin, contextKeys, contextValues] as tf.TensorInfo[];
      call(
        'fillCache',
        ...[contexts, contextLength, heads, size, room, ...tensors.map(pointer)],
        scratch(call('decodeScratch', size, room, ownRoom)),
      );
      const keys = output([slots, heads, size, ownRoom]);
      return [contextKeys, contextValues, keys, output([slots, heads, ownRoom, size])];
    },
  },
  {
    name: DECODE_ATTENTION,
    compute: ({ call, output, pointer, scratch }, inputs, attributes) => {
      const { heads, size, contextLength, ownLength } = attributes as CacheSizes;
      const { q, k, v, cos, sin, lengths, sources, slots, positions, ...cache } = inputs as Tensors;
      const { contextKeys, contextValues, keys, values } = cache;
      const [room, ownRoom] = [roundUp16(contextLength), roundUp16(ownLength)];
      const out = output((q as tf.TensorInfo).shape);
      const [rows] = out.shape as [number];
      const indexes = [lengths, sources, slots, positions] as tf.TensorInfo[];
      const tensors = [q, k, v, cos, sin, contextKeys, contextValues, keys, values, out] as tf.TensorInfo[];
      call(
        'decodeAttention',
        ...[rows, heads, size, room, ownRoom, ...indexes.map(pointer), ...tensors.map(pointer)],
        scratch(call('decodeScratch', size, room, ownRoom)),
      );
      return out;
    },
  },
];
