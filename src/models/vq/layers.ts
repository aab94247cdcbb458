import * as tf from '@tensorflow/tfjs';
import { groupNorm } from './group-norm.js';
import type { Affine, AttentionBlock, ResidualBlock } from './parts.js';

/**
 * Layers on the feature maps of one picture, `[1, S, S, C]`. Each disposes its input as soon as nothing needs it, because
 * a map at full resolution takes 75 MB: who needs it later passes a clone, which shares the numbers.
 */
type Layer<Parameters extends unknown[]> = (x: tf.Tensor4D, ...parameters: Parameters) => tf.Tensor4D;

/** `x · sigmoid(x)`. */
const swish: Layer<[]> = (x) => {
  const gate = tf.sigmoid(x);
  const product = tf.mul(x, gate) as tf.Tensor4D;
  tf.dispose([x, gate]);
  return product;
};

/** A 3×3 convolution that keeps the size of the map, zeros around it. */
export const convolution: Layer<[Affine<tf.Tensor>]> = (x, { weight, bias }) => {
  const y = tf.fused.conv2d({
    x,
    filter: weight as tf.Tensor4D,
    bias: bias as tf.Tensor1D,
    strides: 1,
    pad: 'same',
  });
  x.dispose();
  return y;
};

/** Each position times a matrix. Rank 2, as every other product is many times slower on wasm. @param x `[N, in]`, kept */
function project(x: tf.Tensor2D, { weight, bias }: Affine<tf.Tensor>): tf.Tensor2D {
  return tf.fused.matMul({ a: x, b: weight as tf.Tensor2D, bias: bias as tf.Tensor1D }) as tf.Tensor2D;
}

/** Positions as rows, `[S·S, C]`. */
const toRows = (x: tf.Tensor4D): tf.Tensor2D => tf.reshape(x, [-1, x.shape[3]]);

/** Rows as a map of the side of another one. */
const toMap = (rows: tf.Tensor2D, { shape: [, height, width] }: tf.Tensor4D): tf.Tensor4D =>
  tf.reshape(rows, [1, height, width, rows.shape[1]]);

/** A 1×1 convolution. */
export const pointwise: Layer<[Affine<tf.Tensor>]> = (x, convolution) =>
  tf.tidy(() => {
    const y = toMap(project(toRows(x), convolution), x);
    x.dispose();
    return y;
  });

/** A normalisation and its activation, as they stand before every convolution. */
export const normSwish: Layer<[Affine<tf.Tensor>, number]> = (x, norm, groups) =>
  swish(groupNorm(x, norm, groups));

/** `shortcut(x) + conv2(swish(norm2(conv1(swish(norm1(x))))))`. */
export const residual: Layer<[ResidualBlock<tf.Tensor>, number]> = (x, block, groups) => {
  const inner = convolution(normSwish(tf.clone(x), block.norm1, groups), block.conv1);
  const outer = convolution(normSwish(inner, block.norm2, groups), block.conv2);
  const beside = block.shortcut ? pointwise(x, block.shortcut) : x;
  const sum = tf.add(beside, outer) as tf.Tensor4D;
  tf.dispose([beside, outer]);
  return sum;
};

/** `x + output(softmax(query · keyᵀ / √C) · value)` of the normalised positions, one head. */
export const attention: Layer<[AttentionBlock<tf.Tensor>, number]> = (x, block, groups) =>
  tf.tidy(() => {
    const rows = toRows(groupNorm(tf.clone(x), block.norm, groups));
    const query = tf.mul(project(rows, block.query), rows.shape[1] ** -0.5) as tf.Tensor2D;
    const keys = tf.transpose(project(rows, block.key)) as tf.Tensor2D;
    const weights = tf.softmax(tf.matMul(query, keys)) as tf.Tensor2D; // [S·S, S·S]
    const attended = tf.matMul(weights, project(rows, block.value)) as tf.Tensor2D;
    const sum = tf.add(x, toMap(project(attended, block.output), x)) as tf.Tensor4D;
    x.dispose();
    return sum;
  });

/** Every pixel four times, then a convolution. */
export const upsample: Layer<[Affine<tf.Tensor>]> = (x, convolved) => {
  const [, height, width] = x.shape;
  const enlarged = tf.image.resizeNearestNeighbor(x, [2 * height, 2 * width]);
  x.dispose();
  return convolution(enlarged, convolved);
};
