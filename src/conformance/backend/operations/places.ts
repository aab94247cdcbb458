import * as tf from '@tensorflow/tfjs';
import { transposed } from '../exact.js';
import type { Operation } from '../operation.js';
import { flags, floats, integers } from '../values.js';

type Numbers = ArrayLike<number>;
const rowsOf = (x: Numbers, width: number, rows: readonly number[]): number[] =>
  rows.flatMap((row) => Array.from({ length: width }, (_, c) => x[row * width + c] as number));

function transposition(shape: readonly number[], order: readonly number[]): Operation {
  return {
    ...{ op: 'transpose', label: `[${shape.join(', ')}] to axes ${order.join(', ')}` },
    ...{ inputs: [floats('transpose', shape)], by: [0] },
    run: (...[x]) => tf.transpose(x as tf.Tensor, [...order]),
    exact: (...[x]) => [transposed(x as Float64Array, shape, order)],
  };
}

const IDS = [4, 0, 4, 2, 4, 1, 0];

function gathers(): Operation[] {
  const many = Array.from({ length: 301 }, (_, i) => (i * 17) % 57);
  return [
    {
      ...{ op: 'gather', label: 'rows out of order, some repeated' },
      inputs: [floats('gather', [5, 3]), integers(IDS)],
      run: (...[x, ids]) => tf.gather(x as tf.Tensor, ids as tf.Tensor1D),
      exact: (...[x]) => [rowsOf(x as Float64Array, 3, IDS)],
    },
    {
      ...{ op: 'gather', label: 'single numbers' },
      inputs: [floats('gather', [15]), integers([14, 0, 3, 3, 7])],
      run: (...[x, ids]) => tf.gather(x as tf.Tensor, ids as tf.Tensor1D),
      exact: (...[x]) => [rowsOf(x as Float64Array, 1, [14, 0, 3, 3, 7])],
    },
    {
      ...{ op: 'gather', label: 'blocks of [4, 2, 3, 5]' },
      inputs: [floats('gather', [4, 2, 3, 5]), integers([3, 1, 1])],
      run: (...[x, ids]) => tf.gather(x as tf.Tensor, ids as tf.Tensor1D),
      exact: (...[x]) => [rowsOf(x as Float64Array, 30, [3, 1, 1])],
    },
    {
      ...{ op: 'gather', label: '301 rows of [57, 33]' },
      inputs: [floats('gather', [57, 33]), integers(many)],
      run: (...[x, ids]) => tf.gather(x as tf.Tensor, ids as tf.Tensor1D),
      exact: (...[x]) => [rowsOf(x as Float64Array, 33, many)],
    },
  ];
}

function scattered(x: Numbers, ids: readonly number[], width: number, rows: number): [Float64Array] {
  const out = new Float64Array(rows * width);
  ids.forEach((id, n) => {
    for (let c = 0; c < width; c++) {
      out[id * width + c] = (out[id * width + c] as number) + (x[n * width + c] as number);
    }
  });
  return [out];
}

function scatters(): Operation[] {
  const many = Array.from({ length: 301 }, (_, i) => (i * i) % 57);
  const at = (label: string, ids: readonly number[], width: number, rows: number): Operation => ({
    ...{
      op: 'scatterND',
      label,
      inputs: [integers(ids, [ids.length, 1]), floats('scatter', [ids.length, width])],
    },
    run: (...[places, x]) => tf.scatterND(places as tf.Tensor, x as tf.Tensor, [rows, width]),
    exact: (...[, x]) => scattered(x as Float64Array, ids, width, rows),
  });
  return [
    at('rows that meet are added up', IDS, 3, 6),
    at('301 rows into [57, 33]', many, 33, 57),
    {
      ...{
        op: 'scatterND',
        label: 'single numbers',
        inputs: [integers([9, 2, 5], [3, 1]), floats('scatter', [3])],
      },
      run: (...[places, x]) => tf.scatterND(places as tf.Tensor, x as tf.Tensor, [12]),
      exact: (...[, x]) => scattered(x as Float64Array, [9, 2, 5], 1, 12),
    },
  ];
}

function joins(): Operation[] {
  const parts = Array.from({ length: 9 }, (_, i) => floats(`concat ${i}`, [2, 3]));
  const all = parts.map((_, i) => i);
  return [
    {
      ...{ op: 'concat', label: 'nine tensors', inputs: parts, by: all },
      run: (...xs) => tf.concat([...xs], 0),
      exact: (...xs) => [xs.flatMap((x) => Array.from(x))],
    },
    {
      ...{ op: 'concat', label: 'along rows', by: [0, 1] },
      inputs: [floats('concat a', [3, 2]), floats('concat b', [3, 4])],
      run: (...[a, b]) => tf.concat([a as tf.Tensor2D, b as tf.Tensor2D], 1),
      exact: (...[a, b]) => [
        [0, 1, 2].flatMap((r) => [...rowsOf(a as Numbers, 2, [r]), ...rowsOf(b as Numbers, 4, [r])]),
      ],
    },
    {
      ...{ op: 'stack', label: 'nine tensors', inputs: parts, by: all },
      run: (...xs) => tf.stack([...xs]),
      exact: (...xs) => [xs.flatMap((x) => Array.from(x))],
    },
  ];
}

function choices(): Operation[] {
  const mask = flags([1, 0, 0, 1, 1, 0], [2, 3]);
  return [
    {
      ...{
        op: 'where',
        label: 'by truth values',
        inputs: [mask, floats('where a', [2, 3]), floats('where b', [2, 3])],
      },
      run: (...[m, a, b]) => tf.where(m as tf.Tensor, a as tf.Tensor, b as tf.Tensor),
      exact: (...[m, a, b]) => [
        Array.from(m as Numbers, (on, i) => ((on === 1 ? a : b) as Float64Array)[i] as number),
      ],
      by: [1, 2],
    },
    {
      ...{
        op: 'where',
        label: 'or zero, by a comparison',
        inputs: [floats('where m', [5, 9]), floats('where a', [5, 9])],
      },
      run: (...[m, a]) => tf.where(tf.greater(m as tf.Tensor, 0), a as tf.Tensor, 0),
      exact: (...[m, a]) => [
        Array.from(m as Numbers, (x, i) => (x > 0 ? ((a as Float64Array)[i] as number) : 0)),
      ],
    },
    {
      ...{ op: 'where', label: 'of infinities that are not taken' },
      inputs: [mask, floats('where a', [2, 3]), floats('where b', [2, 3], () => Number.NEGATIVE_INFINITY)],
      run: (...[m, a, b]) => tf.where(tf.logicalOr(m as tf.Tensor, true), a as tf.Tensor, b as tf.Tensor),
      exact: (...[, a]) => [a as Float64Array],
    },
  ];
}

function copies(): Operation[] {
  return [
    {
      ...{ op: 'reshape', label: '[2, 3, 5] to [5, 6]', inputs: [floats('reshape', [2, 3, 5])], by: [0] },
      run: (...[x]) => tf.reshape(x as tf.Tensor, [5, 6]),
      exact: (...[x]) => [x as Float64Array],
    },
    {
      ...{ op: 'expandDims', label: '[3, 5]', inputs: [floats('expandDims', [3, 5])], by: [0] },
      run: (...[x]) => tf.expandDims(x as tf.Tensor, 1),
      exact: (...[x]) => [x as Float64Array],
    },
    {
      ...{ op: 'slice', label: 'rows 2 and 3 of [5, 7]', inputs: [floats('slice', [5, 7])], by: [0] },
      run: (...[x]) => tf.slice(x as tf.Tensor, [2, 0], [2, 7]),
      exact: (...[x]) => [rowsOf(x as Numbers, 7, [2, 3])],
    },
    {
      ...{ op: 'slice', label: 'the middle of [3, 5, 4]', inputs: [floats('slice', [3, 5, 4])], by: [0] },
      run: (...[x]) => tf.slice(x as tf.Tensor, [0, 3, 0], [3, 1, 4]),
      exact: (...[x]) => [rowsOf(x as Numbers, 4, [3, 8, 13])],
    },
    {
      ...{ op: 'tile', label: '[2, 1, 3], five times', inputs: [floats('tile', [2, 1, 3])], by: [0] },
      run: (...[x]) => tf.tile(x as tf.Tensor, [1, 5, 1]),
      exact: (...[x]) => [rowsOf(x as Numbers, 3, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])],
    },
  ];
}

/** Operations that move numbers and do not change them. */
export function placeOperations(): Operation[] {
  return [
    ...copies(),
    ...joins(),
    ...choices(),
    ...gathers(),
    ...scatters(),
    ...(
      [
        [
          [3, 7],
          [1, 0],
        ],
        [
          [2, 3, 4, 5],
          [0, 2, 1, 3],
        ],
        [
          [2, 3, 5],
          [2, 0, 1],
        ],
        [
          [67, 41],
          [1, 0],
        ],
      ] as const
    ).map(([shape, order]) => ({
      ...transposition(shape, order),
      ...(shape[0] === 67 && { pointwise: false, gradientOfReference: true }),
    })),
  ];
}
