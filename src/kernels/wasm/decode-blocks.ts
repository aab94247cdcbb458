import type * as tf from '@tensorflow/tfjs';
import { BLOCK_INPUTS, DECODE_BLOCKS, SHARED_CACHE_INPUTS } from '../fused/decode-blocks.js';
import type { CacheSizes } from '../fused/key-value-cache.js';
import type { WasmKernel } from './kernel.js';
import { roundUp16 } from './key-value-cache.js';

type Attributes = CacheSizes & Readonly<Record<'blocks' | 'hidden' | 'vocabulary' | 'epsilon', number>>;

/**
 * A token through a whole decoder: what the kernels of its parts do, with all that lies between them in scratch. As
 * kernels of their own they cost TensorFlow.js a quarter of the time of a small model, and one output is all it sees here.
 */
export const DECODE_BLOCKS_KERNELS: readonly WasmKernel[] = [
  {
    name: DECODE_BLOCKS,
    compute: ({ call, output, pointer, scratch }, inputs, attributes) => {
      const { heads, size, contextLength, ownLength, ...sizes } = attributes as Attributes;
      const { blocks, hidden, vocabulary, epsilon } = sizes;
      const tensors = inputs as unknown as readonly tf.TensorInfo[];
      const [rows, width] = (tensors[0] as tf.TensorInfo).shape as [number, number];
      const at = tensors.map(pointer);
      const [x, finalNorm, head] = at as [number, number, number];
      const shared = at.slice(3, 3 + SHARED_CACHE_INPUTS.length);
      const [cos, sin, ...indexes] = shared as [number, number];
      const [room, ownRoom] = [roundUp16(contextLength), roundUp16(ownLength)];
      const logits = output([rows, vocabulary]);

      const places = roomsFor(
        ...[call('gemmPackedScratch'), call('decodeScratch', size, room, ownRoom), 4 * rows],
        ...[...new Array<number>(6).fill(4 * rows * width), 4 * rows * hidden, 4 * rows * hidden],
      );
      const base = scratch(places.bytes);
      const [edge, attending, scales, stream, normed, q, k, v, mixed, gate, up] = places.offsets.map(
        (offset) => base + offset,
      ) as [number, number, number, number, number, number, number, number, number, number, number];

      const multiply = (from: number, inner: number, panels: number, columns: number, to: number): void => {
        call('gemmPacked', rows, columns, inner, from, 4 * inner, 4, panels, to, 4 * columns, 0, edge);
      };
      /** Adds to the stream and normalises it. */
      const addNorm = (before: number, added: number, gain: number): void => {
        call('rmsNorm', rows, width, before, added, stream, gain, normed, scales, epsilon);
      };
      /** Where the tensors of a block are: norms, panels, cache. */
      const blockAt = (i: number): number[] => {
        const first = 3 + SHARED_CACHE_INPUTS.length + i * BLOCK_INPUTS;
        return at.slice(first, first + BLOCK_INPUTS);
      };

      call('rmsNorm', rows, width, x, 0, 0, blockAt(0)[0] as number, normed, scales, epsilon);
      for (let i = 0; i < blocks; i++) {
        const [, mlpNorm, query, key, value, out, gating, upward, down, ...cache] = blockAt(i) as [
          ...[number, number, number, number, number, number, number, number, number],
        ];
        multiply(normed, width, query, width, q);
        multiply(normed, width, key, width, k);
        multiply(normed, width, value, width, v);
        call(
          'decodeAttention',
          ...[rows, heads, size, room, ownRoom, ...indexes, q, k, v, cos, sin, ...cache, mixed, attending],
        );
        multiply(mixed, width, out, width, q);
        addNorm(i === 0 ? x : stream, q, mlpNorm);
        multiply(normed, width, gating, hidden, gate);
        multiply(normed, width, upward, hidden, up);
        call('swiglu', rows * hidden, gate, up, gate);
        multiply(gate, hidden, down, width, q);
        addNorm(stream, q, i + 1 < blocks ? (blockAt(i + 1)[0] as number) : finalNorm);
      }
      multiply(normed, width, head, vocabulary, pointer(logits));
      return logits;
    },
  },
];

/** Places for so many bytes each, one after the other. */
function roomsFor(...sizes: readonly number[]): { offsets: number[]; bytes: number } {
  let bytes = 0;
  const offsets = sizes.map((size) => {
    const offset = bytes;
    bytes += roundUp16(size);
    return offset;
  });
  return { offsets, bytes };
}
