import * as tf from '@tensorflow/tfjs';
import { linear, projections } from '../../kernels/linear.js';
import { sum } from '../../kernels/sum.js';

/** A low-rank correction of a matrix (LoRA, Hu et al. 2021): `scale · A · B`. */
export interface Adapter {
  /** A, `[in, r]`. */
  readonly down: tf.Variable<tf.Rank.R2>;
  /** B, `[r, out]`; zeros at the start, so that it changes nothing. */
  readonly up: tf.Variable<tf.Rank.R2>;
  /** alpha / r. */
  readonly scale: number;
  /** Shared by all adapters of a model: off while the frozen reference is scored. */
  readonly power: AdapterSwitch;
}

/** Whether adapters count. */
export interface AdapterSwitch {
  /** False: a matrix is its frozen weight alone. */
  on: boolean;
}

/** A matrix with an adapter beside it. */
export interface AdaptedMatrix {
  /** `[in, out]`, frozen. */
  readonly weight: tf.Tensor2D;
  /** What is trained of it. */
  readonly adapter: Adapter;
}

/** What a block multiplies by: a matrix `[in, out]`, frozen or a variable, or one with an adapter beside it. */
export type Matrix = tf.Tensor2D | AdaptedMatrix;

/** The matrix itself, without its adapter. */
export function weightOf(matrix: Matrix): tf.Tensor2D {
  return 'weight' in matrix ? matrix.weight : matrix;
}

/** Its adapter, if it has one that is on. */
export function activeAdapter(matrix: Matrix): Adapter | undefined {
  return 'weight' in matrix && matrix.adapter.power.on ? matrix.adapter : undefined;
}

/** Whether a matrix itself gets no gradient: it is no variable. */
const isFrozen = (matrix: Matrix): boolean => !(weightOf(matrix) instanceof tf.Variable);

/** More about `multiply`. */
export interface MultiplyOptions {
  /** Only gradients are wanted: the results are zeros. Default false. */
  readonly unread?: boolean;
}

/**
 * `x · W` for several matrices, with what their adapters add. Gradients go to x, to variables and to adapters.
 * @param x `[N, in]`
 * @returns `[N, outᵢ]` each; the caller disposes them
 */
export function multiply(
  x: tf.Tensor2D,
  matrices: readonly Matrix[],
  { unread = false }: MultiplyOptions = {},
): tf.Tensor2D[] {
  const frozen = matrices.map(isFrozen);
  const adapters = matrices.map(activeAdapter);
  const downs = adapters.flatMap((adapter) => (adapter ? [adapter.down as tf.Tensor2D] : []));
  // Matrices and adapters read the same x: together, the gradient of x is one sum and not as many as there are readers.
  const made = unread
    ? [
        ...matrices.map((matrix, i) => linear(x, weightOf(matrix), { frozen: frozen[i], unread })),
        ...downs.map((down) => linear(x, down)),
      ]
    : products(x, [...matrices.map(weightOf), ...downs], [...frozen, ...downs.map(() => false)]);
  const narrow = made.slice(matrices.length);
  return adapters.map((adapter, i) => {
    const product = made[i] as tf.Tensor2D;
    return adapter ? sum(product, raised(narrow.shift() as tf.Tensor2D, adapter, unread)) : product;
  });
}

function products(
  x: tf.Tensor2D,
  weights: readonly tf.Tensor2D[],
  frozen: readonly boolean[],
): tf.Tensor2D[] {
  const [only, ...others] = weights;
  if (only && others.length === 0) return [linear(x, only, { frozen: frozen[0] })];
  return projections(x, weights, { frozen });
}

/** `scale · (x · A) · B`, `[N, out]`. */
export function correction(x: tf.Tensor2D, adapter: Adapter): tf.Tensor2D {
  return raised(linear(x, adapter.down), adapter, false);
}

/** The rest of a correction. Scaled where it is narrow: a product with a number keeps both for the gradient. */
function raised(narrow: tf.Tensor2D, { up, scale }: Adapter, unread: boolean): tf.Tensor2D {
  return linear(scale === 1 ? narrow : tf.mul(narrow, scale), up, { unread });
}

/** `W + scale · A · B`, `[in, out]`; the caller disposes it. */
export function mergedWeight({ weight, adapter: { down, up, scale } }: AdaptedMatrix): tf.Tensor2D {
  return tf.tidy(() => tf.add(weight, tf.mul(tf.matMul(down, up), scale)));
}

/** The variables among a matrix's tensors, which gradients go to. */
export function trainedParts(matrix: Matrix): tf.Variable[] {
  const adapter = activeAdapter(matrix);
  const weight = weightOf(matrix);
  return [...(weight instanceof tf.Variable ? [weight] : []), ...(adapter ? [adapter.down, adapter.up] : [])];
}
