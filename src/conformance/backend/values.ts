import * as tf from '@tensorflow/tfjs';
import { type KeyPart, normalValues, uniformStream } from '../../tensor/noise.js';
import type { Values } from './backend-case.js';

/** A tensor's content, on the host. */
export interface HostInput {
  readonly values: Float32Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
}

/**
 * Numbers of N(0, scale²), or of what `change` makes of them: always the same for a key.
 * @param change keeps inputs where an operation has one value and one slope
 */
export function floats(
  key: KeyPart,
  shape: readonly number[],
  change: (value: number, index: number) => number = (value) => value,
): HostInput {
  const values = normalValues(
    uniformStream('checkBackend', key, shape.join()),
    tf.util.sizeFromShape([...shape]),
  );
  return { values: values.map((value, i) => change(value, i)), shape, dtype: 'float32' };
}

/** Given numbers, as float32. */
export const given = (values: readonly number[], shape: readonly number[] = [values.length]): HostInput => ({
  values: Float32Array.from(values),
  shape,
  dtype: 'float32',
});

/** Whole numbers. */
export const integers = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): HostInput => ({ values: Int32Array.from(values), shape, dtype: 'int32' });

/** Truth values. */
export const flags = (values: readonly number[], shape: readonly number[] = [values.length]): HostInput => ({
  values: Uint8Array.from(values),
  shape,
  dtype: 'bool',
});

/** A tensor of its own: some backends keep the array that they are given. */
export function toTensor({ values, shape, dtype }: HostInput): tf.Tensor {
  return tf.tensor(values.slice(), [...shape], dtype);
}

/** Reads tensors and disposes them. */
export async function readAll(tensors: readonly tf.Tensor[]): Promise<Values> {
  try {
    const read = await Promise.all(tensors.map((tensor) => tensor.data()));
    return read.map((values) => Array.from(values as Float32Array));
  } finally {
    tf.dispose([...tensors]);
  }
}

/**
 * How far arrays are apart: of each, the largest difference over the largest magnitude of what was expected. Infinite if
 * lengths differ, or if one side is not finite where the other is something else.
 */
export function largestError(got: Values, expected: Values): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  return got.reduce((worst, values, i) => Math.max(worst, errorOf(values, expected[i] as Float64Array)), 0);
}

function errorOf(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [error, magnitude] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i] as number, expected[i] as number];
    if (Object.is(a, b)) continue;
    const gap = Math.abs(a - b);
    if (!Number.isFinite(gap)) return Number.POSITIVE_INFINITY;
    error = Math.max(error, gap);
  }
  for (let i = 0; i < expected.length; i++) {
    const size = Math.abs(expected[i] as number);
    if (Number.isFinite(size)) magnitude = Math.max(magnitude, size);
  }
  return magnitude > 0 ? error / magnitude : error;
}
