import * as tf from '@tensorflow/tfjs';
import { product, times } from '../exact.js';
import type { Operation } from '../operation.js';
import { floats } from '../values.js';

type Sizes = readonly [n: number, k: number, m: number];
const WAYS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

const wayName = (transposeA: boolean, transposeB: boolean): string =>
  [transposeA && 'left side transposed', transposeB && 'right side transposed'].filter(Boolean).join(', ') ||
  'plain';

/** `a · b`, either of them stored transposed. */
function matrixProduct(
  sizes: Sizes,
  [transposeA, transposeB]: readonly [boolean, boolean],
  large: boolean,
): Operation {
  const [n, k, m] = sizes;
  return {
    ...{ op: 'matMul', label: `${wayName(transposeA, transposeB)}, [${n}, ${k}] · [${k}, ${m}]`, by: [0, 1] },
    inputs: [
      floats('matMul a', transposeA ? [k, n] : [n, k]),
      floats('matMul b', transposeB ? [m, k] : [k, m]),
    ],
    run: (...[a, b]) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, transposeA, transposeB),
    exact: (...[a, b]) => [
      product(
        sizes,
        (i, l) => (a as Float64Array)[transposeA ? l * n + i : i * k + l] as number,
        (l, j) => (b as Float64Array)[transposeB ? j * k + l : l * m + j] as number,
      ),
    ],
    gradientOfReference: large,
  };
}

/** Heads of attention: a batch of small products. */
function batchProduct(transposeA: boolean, transposeB: boolean): Operation {
  const [batch, n, k, m] = [6, 4, 3, 5];
  return {
    ...{
      op: 'matMul',
      label: `${wayName(transposeA, transposeB)}, [2, 3, ${n}, ${k}] · [2, 3, ${k}, ${m}]`,
      by: [0, 1],
    },
    inputs: [
      floats('batch a', transposeA ? [2, 3, k, n] : [2, 3, n, k]),
      floats('batch b', transposeB ? [2, 3, m, k] : [2, 3, k, m]),
    ],
    run: (...[a, b]) => tf.matMul(a as tf.Tensor, b as tf.Tensor, transposeA, transposeB),
    exact: (...[a, b]) => [
      Array.from({ length: batch }, (_, at) =>
        Array.from(
          product(
            [n, k, m],
            (i, l) => (a as Float64Array)[at * n * k + (transposeA ? l * n + i : i * k + l)] as number,
            (l, j) => (b as Float64Array)[at * k * m + (transposeB ? j * k + l : l * m + j)] as number,
          ),
        ),
      ).flat(),
    ],
  };
}

/** Products of matrices. */
export function productOperations(): Operation[] {
  return [
    ...WAYS.map((way) => matrixProduct([5, 7, 3], way, false)),
    ...WAYS.map((way) => matrixProduct([67, 129, 35], way, true)),
    matrixProduct([1, 5, 1], [false, false], false),
    matrixProduct([1, 128, 344], [false, false], true),
    batchProduct(false, false),
    batchProduct(false, true),
    batchProduct(true, false),
    {
      ...{ op: 'fused.matMul', label: 'with bias, [5, 7] · [7, 3]' },
      inputs: [floats('fused a', [5, 7]), floats('fused b', [7, 3]), floats('fused bias', [3])],
      run: (...[a, b, bias]) =>
        tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias: bias as tf.Tensor1D }),
      exact: (...[a, b, bias]) => [
        times(a as Float64Array, b as Float64Array, 7).map(
          (value, i) => value + ((bias as Float64Array)[i % 3] as number),
        ),
      ],
    },
  ];
}
