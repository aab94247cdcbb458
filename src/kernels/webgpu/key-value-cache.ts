import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { type CacheSizes, DECODE_ATTENTION, FILL_CACHE } from '../fused/key-value-cache.js';
import { attendProgram, FILL, JOIN, LARGEST_HEAD, STEP, WORKGROUP } from './decode-attention.js';
import { type Gpu, sizeOf, type WebGpuKernel } from './kernel.js';

type Tensors = Readonly<Record<string, tf.TensorInfo>>;

/** What the blocks of a decoder share in a step. */
export interface StepTables extends Readonly<Record<string, tf.TensorInfo>> {
  /** `[n, 4]`, int32 */
  readonly table: tf.TensorInfo;
  /** `[n, D]` */
  readonly rotation: tf.TensorInfo;
}

/** Reads lengths, sources, slots, positions, cos and sin. The caller disposes it. */
export function stepTables({ output, run }: Gpu, inputs: Tensors, { size }: CacheSizes): StepTables {
  const [rows] = (inputs.slots as tf.TensorInfo).shape as [number];
  const { lengths, sources, slots, positions, cos, sin } = inputs;
  const made = { table: output([rows, 4], 'int32'), rotation: output([rows, size]) };
  run(STEP, {
    tensors: { lengths, sources, slots, positions, cos, sin, ...made } as Tensors,
    params: { count: rows * size, size },
    groups: Math.ceil((rows * size) / WORKGROUP),
  });
  return made;
}

/**
 * Adds a position to the cache and attends from it.
 * @param tensors qkv `[3, n, H·D]`, mixed `[n, H·D]`, which is written, and the cache's
 */
export function attend({ run }: Gpu, tensors: Tensors, step: StepTables, sizes: CacheSizes): void {
  const { heads, size, contextLength, ownLength } = sizes;
  if (size > LARGEST_HEAD) {
    throw new BicotError(
      'unsupported',
      `keyValueCaches: the heads have ${size} channels, but the WebGPU kernel has room for ${LARGEST_HEAD}. Call setKernels('composed').`,
    );
  }
  const [rows] = step.table.shape as [number, number];
  run(attendProgram(size), {
    tensors: { ...tensors, ...step },
    params: {
      ...{ rows, heads, size, channels: 2 ** Math.ceil(Math.log2(size)), scale: 1 / Math.sqrt(size) },
      ...{ contextRoom: roomFor(contextLength), room: roomFor(ownLength) },
    },
    groups: rows * heads,
  });
}

/** Nothing on a GPU is empty. */
const roomFor = (length: number): number => Math.max(1, length);

/** The prompt's keys and values into a cache, and attention of one new position a sequence. */
export const KEY_VALUE_CACHE_KERNELS: readonly WebGpuKernel[] = [
  {
    name: FILL_CACHE,
    compute: ({ output, run }, inputs, attributes) => {
      const { heads, size, slots, contextLength, ownLength } = attributes as CacheSizes;
      const { k, v, cos, sin, lengths } = inputs as Tensors;
      const [contexts] = (lengths as tf.TensorInfo).shape as [number];
      const [length, room] = [roomFor(contextLength), roomFor(ownLength)];
      // The largest first, in case that it is too large.
      const [keys, values] = [output([slots, heads, size, room]), output([slots, heads, room, size])];
      const contextKeys = output([contexts, heads, size, length]);
      const contextValues = output([contexts, heads, length, size]);
      const count = sizeOf(contextKeys);
      run(FILL, {
        tensors: { k, v, cos, sin, lengths, contextKeys, contextValues } as Tensors,
        params: { count, length, heads, size },
        groups: Math.ceil(count / WORKGROUP),
      });
      return [contextKeys, contextValues, keys, values];
    },
  },
  {
    name: DECODE_ATTENTION,
    compute: (gpu, inputs, attributes) => {
      const sizes = attributes as CacheSizes;
      const { q, k, v, contextKeys, contextValues, keys, values } = inputs as Tensors;
      const { shape } = q as tf.TensorInfo;
      const qkv = gpu.output([3, ...shape]);
      const size = sizeOf(q as tf.TensorInfo);
      gpu.run(JOIN, {
        tensors: { q, k, v, qkv } as Tensors,
        params: { size },
        groups: Math.ceil(size / WORKGROUP),
      });
      const step = stepTables(gpu, inputs, sizes);
      const mixed = gpu.output(shape);
      attend(gpu, { qkv, contextKeys, contextValues, keys, values, mixed } as Tensors, step, sizes);
      for (const made of [qkv, step.table, step.rotation]) gpu.dispose(made);
      return mixed;
    },
  },
];
