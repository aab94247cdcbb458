import * as tf from '@tensorflow/tfjs';
import type { Operation } from '../operation.js';
import { floats, given, integers } from '../values.js';

const RUNNING = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];

/**
 * Operations that some backend of TensorFlow.js gets wrong, that bicot avoids for that reason or has no need for, and
 * that a model of one's own may well use.
 */
export function trapOperations(): Operation[] {
  const many = Array.from({ length: 8 }, (_, i) => floats(`addN ${i}`, [5]));
  const traps: Operation[] = [
    {
      ...{ op: 'addN', label: 'eight tensors', inputs: many },
      run: (...xs) => tf.addN([...xs]),
      exact: (...xs) => [
        Array.from({ length: 5 }, (_, i) => xs.reduce((sum, x) => sum + (x[i] as number), 0)),
      ],
      advice: 'Add with tf.add, one by one or at most seven at a time with tf.addN.',
    },
    {
      ...{ op: 'round', label: 'whole numbers', inputs: [integers([3, -4, 7])], tolerance: 0 },
      run: (...[x]) => tf.round(x as tf.Tensor),
      exact: () => [[3, -4, 7]],
      advice: 'Do not round int32 tensors: they are whole already.',
    },
    {
      ...{
        op: 'argMax',
        label: 'the first of equals',
        inputs: [given([1, 3, 3, 2, 5, 5, 5, 0], [2, 4])],
        tolerance: 0,
      },
      run: (...[x]) => tf.argMax(x as tf.Tensor, -1),
      exact: () => [[1, 0]],
      advice: 'Read the values and choose on the host where ties matter.',
    },
    {
      ...{ op: 'topk', label: 'three of eight', inputs: [given([1, 8, 3, 7, 2, 6, 4, 5])] },
      run: (...[x]) => {
        const { values, indices } = tf.topk(x as tf.Tensor, 3);
        return [values, indices];
      },
      exact: () => [
        [8, 7, 6],
        [1, 3, 5],
      ],
      advice: 'Sort on the host.',
    },
    {
      ...{ op: 'cumsum', label: 'ten numbers', inputs: [given(RUNNING)], by: [0] },
      run: (...[x]) => tf.cumsum(x as tf.Tensor),
      exact: (...[x]) => {
        let sum = 0;
        return [(x as Float64Array).map((value) => (sum += value))];
      },
      advice: 'Multiply with a triangular matrix of ones.',
    },
    {
      ...{ op: 'gather', label: 'repeated rows, differentiated', by: [0] },
      inputs: [floats('gather', [5, 3]), integers([4, 0, 4])],
      run: (...[x, ids]) => tf.gather(x as tf.Tensor, ids as tf.Tensor1D),
      exact: (...[x]) => [
        [4, 0, 4].flatMap((row) => Array.from((x as Float64Array).subarray(3 * row, 3 * row + 3))),
      ],
      advice: 'Look rows up with embed of bicot, whose gradient every backend has.',
    },
  ];
  return traps.map((trap) => ({ ...trap, unused: true }));
}
