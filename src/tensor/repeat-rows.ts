import * as tf from '@tensorflow/tfjs';

/**
 * Each row `times` over, side by side, as the samples that share it: a prompt's cache for its group, a plan's
 * log-probs for each image of the plan. Differentiable.
 * @param values `[R, …]`
 * @returns `[R · times, …]`; the caller disposes it
 */
export function repeatRows<T extends tf.Tensor>(values: T, times: number): T {
  if (times === 1) return tf.clone(values);
  const [rows, ...rest] = values.shape as [number, ...number[]];
  const size = tf.util.sizeFromShape(rest);
  return tf.tidy(() =>
    tf.reshape(tf.tile(tf.reshape(values, [rows, 1, size]), [1, times, 1]), [rows * times, ...rest]),
  ) as T;
}

/** `repeatRows` on the host: `[R · width]` to `[R · times · width]`. */
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
