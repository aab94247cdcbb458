import * as tf from '@tensorflow/tfjs';
import type { Operation } from '../operation.js';
import { flags, floats, given, integers } from '../values.js';

/** Tensors of numbers that the host gives. */
function fromHost(): Operation[] {
  const ranks = [
    ['scalar', [], ([x]: readonly number[]) => tf.scalar(x as number)],
    ['tensor', [2, 3], (values: readonly number[]) => tf.tensor([...values], [2, 3])],
    ['tensor1d', [7], (values: readonly number[]) => tf.tensor1d([...values])],
    ['tensor2d', [3, 5], (values: readonly number[]) => tf.tensor2d([...values], [3, 5])],
    ['tensor3d', [2, 3, 5], (values: readonly number[]) => tf.tensor3d([...values], [2, 3, 5])],
    ['tensor4d', [2, 2, 3, 5], (values: readonly number[]) => tf.tensor4d([...values], [2, 2, 3, 5])],
  ] as const;
  return ranks.map(([op, shape, make]): Operation => {
    const { values } = floats(op, shape);
    // Copied by an operation: reading back what was given would ask the backend nothing.
    return {
      ...{ op, label: `[${shape.join(', ')}] and back`, inputs: [], tolerance: 0 },
      run: () => tf.add(make([...values]), 0),
      exact: () => [values],
    };
  });
}

/** Operations that make numbers out of little, and changes of type. */
export function madeOperations(): Operation[] {
  const filled = (op: string, run: () => tf.Tensor, value: number): Operation => ({
    ...{ op, label: '[5, 7]', inputs: [], tolerance: 0, run: () => tf.add(run(), 0) },
    exact: () => [new Float64Array(35).fill(value)],
  });
  return [
    ...fromHost(),
    filled('zeros', () => tf.zeros([5, 7]), 0),
    filled('ones', () => tf.ones([5, 7]), 1),
    filled('fill', () => tf.fill([5, 7], -1e9), Math.fround(-1e9)),
    {
      ...{ op: 'range', label: 'whole numbers, every 17th', inputs: [], tolerance: 0 },
      run: () => tf.range(0, 170, 17, 'int32'),
      exact: () => [Array.from({ length: 10 }, (_, i) => 17 * i)],
    },
    {
      ...{ op: 'variable', label: 'assigned twice', inputs: [floats('variable', [3, 5])], tolerance: 0 },
      run: (...[x]) => {
        const variable = tf.variable(tf.zeros([3, 5]));
        variable.assign(tf.add(x as tf.Tensor, 1));
        variable.assign(tf.mul(variable, 2));
        const copy = tf.add(variable, 0);
        variable.dispose();
        return copy;
      },
      exact: (...[x]) => [(x as Float64Array).map((value) => Math.fround(Math.fround(value + 1) * 2))],
    },
    {
      ...{ op: 'cast', label: 'truth values to numbers', inputs: [flags([1, 0, 1])], tolerance: 0 },
      run: (...[x]) => tf.mul(tf.cast(x as tf.Tensor, 'float32'), 2.5),
      exact: () => [[2.5, 0, 2.5]],
    },
    {
      ...{ op: 'cast', label: 'whole numbers to numbers', inputs: [integers([-3, 0, 7])], tolerance: 0 },
      run: (...[x]) => tf.mul(tf.cast(x as tf.Tensor, 'float32'), 0.5),
      exact: () => [[-1.5, 0, 3.5]],
    },
    {
      ...{
        op: 'cast',
        label: 'numbers to whole numbers',
        inputs: [given([-2.75, -0.5, 0, 3.999])],
        tolerance: 0,
      },
      run: (...[x]) => tf.cast(x as tf.Tensor, 'int32'),
      exact: () => [[-2, 0, 0, 3]],
    },
  ];
}
