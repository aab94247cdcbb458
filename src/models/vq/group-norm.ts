import * as tf from '@tensorflow/tfjs';
import type { Affine } from './parts.js';

/** What PyTorch's module is told. */
const EPSILON = 1e-6;

/** Windows of averages have at most this side. Sums of few numbers at a time keep all digits of float32. */
const WINDOW = 16;

/** The largest divisor of a side that a window may have; a side without one is averaged at once. */
function windowOf(side: number): number {
  for (let size = Math.min(side, WINDOW); size > 1; size--) if (side % size === 0) return size;
  return side;
}

/**
 * The mean of each channel by averages of averages, which wasm computes ten times faster than `tf.mean` over positions.
 * @param x `[1, S, S, C]`
 * @returns `[1, 1, 1, C]`
 */
function channelMeans(x: tf.Tensor4D): tf.Tensor4D {
  const side = x.shape[1];
  if (side === 1) return x;
  const size = windowOf(side);
  return channelMeans(tf.avgPool(x, size, size, 'valid'));
}

/** The mean of each channel's group, `[1, 1, 1, C]`. */
function groupMeans(x: tf.Tensor4D, groups: number): tf.Tensor4D {
  const channels = x.shape[3];
  const size = channels / groups;
  const means = tf.mean(tf.reshape(channelMeans(x), [groups, size]), 1, true); // [groups, 1]
  return tf.reshape(tf.tile(means, [1, size]), [1, 1, 1, channels]);
}

/**
 * Normalises groups of consecutive channels, over all positions, to mean 0 and (population) variance 1, then scales and
 * shifts each channel. The variance is that of centred numbers: E[x²] − E[x]² loses all digits where the mean is large.
 * @param x `[1, S, S, C]`; disposed as soon as it is read
 * @returns `[1, S, S, C]`; the caller disposes it
 */
export function groupNorm(x: tf.Tensor4D, norm: Affine<tf.Tensor>, groups: number): tf.Tensor4D {
  return tf.tidy(() => {
    const centred = tf.sub(x, groupMeans(x, groups));
    x.dispose();
    const squares = tf.square(centred) as tf.Tensor4D;
    const variance = groupMeans(squares, groups);
    squares.dispose();
    const scaled = tf.mul(centred, tf.mul(tf.rsqrt(tf.add(variance, EPSILON)), norm.weight));
    centred.dispose();
    return tf.add(scaled, norm.bias) as tf.Tensor4D;
  });
}
