import * as tf from '@tensorflow/tfjs';
import type { TransformerConfig } from 'bicot/models';

// What bicot is measured against: the same transformer in stock operations, as one would write it by the book, with
// TensorFlow.js's own gradients. Products with weights are of rank 2, which wasm needs to be fast at all.

/** Weights by checkpoint name: variables where they are trained, tensors where they are frozen. */
export type Weights = Readonly<Record<string, tf.Tensor>>;

/** Keys and values of one layer, `[N, H, S, D]` each. A type and not an interface, which `tf.tidy` would not take. */
export type Cache = { readonly keys: tf.Tensor; readonly values: tf.Tensor };

/** Rotary angles, `[S, 1, D]`, or `[N, 1, 1, D]` where each row is at a position of its own. */
export interface Angles {
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
}

/** `x · w`. */
const linear = (x: tf.Tensor, w: tf.Tensor | undefined): tf.Tensor2D =>
  tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D);

/** RMSNorm: `gain · x / sqrt(mean(x²) + epsilon)`. */
function norm(x: tf.Tensor, gain: tf.Tensor | undefined, epsilon: number): tf.Tensor {
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
  return tf.mul(tf.mul(x, scale), gain as tf.Tensor);
}

/** The angles of some positions. */
export function anglesOf(positions: readonly number[], config: TransformerConfig): Angles {
  const size = config.width / config.heads;
  const half = Array.from({ length: size / 2 }, (_, i) => config.ropeTheta ** ((-2 * i) / size));
  const table = positions.map((p) => [...half, ...half].map((frequency) => p * frequency));
  const angles = tf.reshape(tf.tensor2d(table), [positions.length, 1, size]);
  return { cos: tf.cos(angles), sin: tf.sin(angles) };
}

/** Rotary positions: `x · cos + [−x₂, x₁] · sin`, for `[N, S, H, D]`. */
export function rotate(x: tf.Tensor, { cos, sin }: Angles): tf.Tensor {
  const [first, second] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(second), first], -1), sin));
}

/** Hides what comes later: 0 on and below the diagonal. `[S, S]`. */
export function causalMask(length: number): tf.Tensor {
  return tf.mul(tf.sub(1, tf.linalg.bandPart(tf.ones([length, length]), -1, 0)), -1e9);
}

/** Scaled dot-product attention, `[N, H, T, D]`. */
export function attend(
  query: tf.Tensor,
  keys: tf.Tensor,
  values: tf.Tensor,
  mask: tf.Tensor | undefined,
): tf.Tensor {
  const size = query.shape.at(-1) as number;
  const scores = tf.mul(tf.matMul(query, keys, false, true), 1 / Math.sqrt(size)); // [N, H, T, S]
  return tf.matMul(tf.softmax(mask ? tf.add(scores, mask) : scores), values);
}

/** Token and image-position embeddings, `[N·S, d]`. */
export function embed(weights: Weights, ids: Int32Array, imagePositions: Int32Array): tf.Tensor {
  return tf.add(
    tf.gather(weights.embedding as tf.Tensor, tf.tensor1d(ids, 'int32')),
    tf.gather(weights.imagePosition as tf.Tensor, tf.tensor1d(imagePositions, 'int32')),
  );
}

/** One layer. @returns the new stream `[N·S, d]`, and the cache with the new keys and values behind the old ones */
export function layer(
  config: TransformerConfig,
  weights: Weights,
  index: number,
  x: tf.Tensor,
  rows: number,
  angles: Angles,
  mask: tf.Tensor | undefined,
  past?: Cache,
): { readonly x: tf.Tensor; readonly cache: Cache } {
  const { width, heads, rmsEpsilon } = config;
  const size = width / heads;
  const get = (name: string) => weights[`blocks.${index}.${name}`];
  const length = (x.shape[0] as number) / rows;
  const toHeads = (y: tf.Tensor): tf.Tensor => tf.reshape(y, [rows, length, heads, size]);
  const headsFirst = (y: tf.Tensor): tf.Tensor => tf.transpose(y, [0, 2, 1, 3]);

  let y = norm(x, get('attentionNorm'), rmsEpsilon);
  const query = headsFirst(rotate(toHeads(linear(y, get('query'))), angles));
  let keys = headsFirst(rotate(toHeads(linear(y, get('key'))), angles));
  let values = headsFirst(toHeads(linear(y, get('value'))));
  if (past) {
    keys = tf.concat([past.keys, keys], 2);
    values = tf.concat([past.values, values], 2);
  }
  const merged = tf.reshape(headsFirst(attend(query, keys, values, mask)), [rows * length, width]);
  const middle = tf.add(x, linear(merged, get('output')));

  y = norm(middle, get('mlpNorm'), rmsEpsilon);
  const gate = linear(y, get('gate'));
  const gated = tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(y, get('up')));
  return { x: tf.add(middle, linear(gated, get('down'))), cache: { keys, values } };
}

/** Logits of some rows of the stream, `[M, V]`. */
export function head(config: TransformerConfig, weights: Weights, x: tf.Tensor, image: boolean): tf.Tensor2D {
  const normed = norm(x, weights.finalNorm, config.rmsEpsilon);
  return linear(normed, image ? weights.imageHead : weights.textHead);
}
