import { BicotError } from '../../errors.js';
import { assertLength } from '../../tensor/shape.js';

/**
 * How a tensor is laid out for TensorFlow.js: a `kernel` is `[height, width, in, out]`, a 1×1 convolution a `matrix`
 * `[in, out]`; tables and vectors are as PyTorch has them.
 */
export type VqLayout = 'kernel' | 'matrix' | 'table' | 'vector';

/** The 1×1 convolutions, which are computed as products of matrices. */
const POINTWISE = /(^post_quant_conv|\.(q|k|v|proj_out|nin_shortcut))\.weight$/;

/** The layout of a tensor by its name in the original layout, without the module's prefix. */
export function vqParameterLayout(name: string): VqLayout {
  if (name === 'quantize.embedding.weight') return 'table';
  if (name.endsWith('.bias') || /norm(\d|_out)?\.weight$/.test(name)) return 'vector';
  return POINTWISE.test(name) ? 'matrix' : 'kernel';
}

/** The shape that TensorFlow.js gets instead of PyTorch's. */
export function tfjsVqShape(name: string, shape: readonly number[]): number[] {
  const layout = vqParameterLayout(name);
  const [out, into, height, width] = shape as [number, number, number, number];
  if (layout === 'kernel') return [height, width, into, out];
  return layout === 'matrix' ? [into, out] : [...shape];
}

/**
 * A kernel in TensorFlow.js's order.
 * @param values `[out, in, height, width]`
 * @returns `[height, width, in, out]`, an array of its own
 */
export function convToHwio(values: Float32Array, shape: readonly number[]): Float32Array {
  const [out, into, height, width] = shape as [number, number, number, number];
  const positions = height * width;
  const turned = new Float32Array(values.length);
  let to = 0;
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < into; i++) {
      let from = i * positions + position;
      for (let o = 0; o < out; o++, from += into * positions) turned[to++] = values[from] as number;
    }
  }
  return turned;
}

/** Numbers for `tf.tensor`. */
export interface TfjsValues {
  /** TensorFlow.js's: of a kernel `[height, width, in, out]`. */
  readonly shape: number[];
  /** In the order of `shape`; copied only where that is another order. */
  readonly values: Float32Array;
}

/**
 * A tensor of a checkpoint as TensorFlow.js wants it; one at a time, so that a loader never holds two.
 * @param name in the original layout, without the module's prefix
 * @param shape PyTorch's
 * @param values in PyTorch's order; tables and vectors are passed on, not copied
 * @throws BicotError `shape` if the values are not as many as the shape says, or a kernel has no four axes
 */
export function toTfjsLayout(name: string, shape: readonly number[], values: Float32Array): TfjsValues {
  const count = shape.reduce((product, size) => product * size, 1);
  assertLength(`toTfjsLayout: ${name} of shape [${shape.join(', ')}]`, values, count);
  const layout = vqParameterLayout(name);
  const turns = layout === 'kernel' || layout === 'matrix';
  if (turns && (shape.length !== 4 || (layout === 'matrix' && shape[2] !== 1) || shape[2] !== shape[3])) {
    throw new BicotError(
      'shape',
      `toTfjsLayout: ${name} has shape [${shape.join(', ')}], but [out, in, ${layout === 'matrix' ? '1, 1' : 'size, size'}] is needed. Pass the shape that the checkpoint gives.`,
    );
  }
  return { shape: tfjsVqShape(name, shape), values: turns ? convToHwio(values, shape) : values };
}
