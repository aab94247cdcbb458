import * as tf from '@tensorflow/tfjs';
import { byRow, logSumExp, softmax } from '../exact.js';
import type { Operation } from '../operation.js';
import { floats, given } from '../values.js';

const sumOf = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0);
const maxOf = (values: ArrayLike<number>): number => Math.max(...Array.from(values));
const columnOf = (x: Float64Array, columns: number, c: number): Float64Array =>
  x.filter((_, i) => i % columns === c);

/** Of all entries, of rows kept as columns, and of columns. */
function reduction(
  op: string,
  run: (x: tf.Tensor, axis?: number, keep?: boolean) => tf.Tensor,
  exact: (values: ArrayLike<number>) => number,
  axes: readonly ('all' | 'rows' | 'columns')[] = ['all', 'rows', 'columns'],
): Operation[] {
  const ways = {
    all: {
      label: 'all of [3, 7]',
      run: (x: tf.Tensor) => run(x),
      exact: (x: Float64Array) => [[exact(x)]],
    },
    rows: {
      label: 'rows of [3, 7], kept as a column',
      run: (x: tf.Tensor) => run(x, -1, true),
      exact: byRow(7, (row) => [exact(row)]),
    },
    columns: {
      label: 'columns of [3, 7]',
      run: (x: tf.Tensor) => run(x, 0),
      exact: (x: Float64Array) => [Array.from({ length: 7 }, (_, c) => exact(columnOf(x, 7, c)))],
    },
  };
  const small = axes.map((axis): Operation => {
    const way = ways[axis];
    return {
      ...{ op, label: way.label, inputs: [floats(op, [3, 7])], by: [0] },
      run: (...[x]) => way.run(x as tf.Tensor),
      exact: (...[x]) => way.exact(x as Float64Array),
    };
  });
  const large: Operation = {
    ...{ op, label: 'rows of [5, 1031]', inputs: [floats(op, [5, 1031])] },
    run: (...[x]) => (axes.includes('rows') ? run(x as tf.Tensor, -1) : run(tf.transpose(x as tf.Tensor), 0)),
    exact: (...[x]) => byRow(1031, (row) => [exact(row)])(x as Float64Array),
  };
  return [...small, large];
}

const LARGE = [1000, 0, -1000, 88, 89, 90, -1e9, 0, 3, 1e6, 1e6, -1e6];

function rowwise(
  op: string,
  run: (x: tf.Tensor) => tf.Tensor,
  exact: (row: ArrayLike<number>) => number[],
): Operation[] {
  const at = (
    label: string,
    input: Operation['inputs'][number],
    columns: number,
    derive: boolean,
  ): Operation => ({
    ...{ op, label, inputs: [input], ...(derive && { by: [0] }) },
    run: (...[x]) => run(x as tf.Tensor),
    exact: (...[x]) => byRow(columns, exact)(x as Float64Array),
  });
  return [
    at('[3, 7]', floats(op, [3, 7]), 7, true),
    at('[2, 3, 5]', floats(op, [2, 3, 5]), 5, true),
    at(
      'rows of 503 logits',
      floats(op, [4, 503], (x) => 5 * x),
      503,
      false,
    ),
    at('logits in the thousands', given(LARGE, [4, 3]), 3, false),
    at(
      'rows with all but a few entries masked by −1e9',
      floats(op, [3, 9], (x, i) => (i % 9 > Math.floor(i / 9) ? -1e9 : x)),
      9,
      false,
    ),
  ];
}

/** Sums, means and maxima, and what is made of rows of logits. */
export function rowOperations(): Operation[] {
  return [
    ...reduction('sum', (x, axis, keep) => tf.sum(x, axis, keep), sumOf),
    ...reduction(
      'mean',
      (x, axis, keep) => tf.mean(x, axis, keep),
      (values) => sumOf(values) / values.length,
    ),
    ...reduction('max', (x, axis, keep) => tf.max(x, axis, keep), maxOf),
    ...reduction('logSumExp', (x, axis) => tf.logSumExp(x, axis), logSumExp, ['all', 'columns']),
    ...rowwise('softmax', (x) => tf.softmax(x), softmax),
    ...rowwise(
      'logSoftmax',
      (x) => tf.logSoftmax(x),
      (row) => {
        const normalizer = logSumExp(row);
        return Array.from(row, (value) => value - normalizer);
      },
    ),
  ];
}
