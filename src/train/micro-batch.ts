import * as tf from '@tensorflow/tfjs';
import type { RowRange } from '../rollout/level-log-probs.js';

/** Ranges of at most `size` (at least 1) that cover `[0, rows)` in order. */
export function rowRanges(rows: number, size: number): RowRange[] {
  const step = Math.max(1, Math.floor(size));
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => ({
    begin: i * step,
    end: Math.min(rows, (i + 1) * step),
  }));
}

/**
 * Each row `times` over, side by side, as the samples that share it (T2I-R1 repeats a plan's log-probs for each
 * image of the plan). Differentiable.
 * @param values `[R, T]`
 * @returns `[R · times, T]`; the caller disposes it
 */
export function repeatRows(values: tf.Tensor2D, times: number): tf.Tensor2D {
  const [rows, width] = values.shape;
  if (times === 1) return tf.clone(values);
  return tf.tidy(() =>
    tf.reshape(tf.tile(tf.reshape(values, [rows, 1, width]), [1, times, 1]), [rows * times, width]),
  );
}

/** `repeatRows` on the host: `[R · T]` to `[R · times · T]`. */
export function repeatHostRows<A extends Float32Array | Int32Array>(
  values: A,
  width: number,
  times: number,
): A {
  if (times === 1) return values;
  const repeated = new (values.constructor as new (length: number) => A)(values.length * times);
  for (let row = 0; row * width < values.length; row++) {
    const source = values.subarray(row * width, (row + 1) * width);
    for (let copy = 0; copy < times; copy++) repeated.set(source, (row * times + copy) * width);
  }
  return repeated;
}
