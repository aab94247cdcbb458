import * as tf from '@tensorflow/tfjs';
import { transposed } from '../../tensor/transposed.js';
import type { RowRange, TensorSource } from './source.js';
export async function loadTensor(
  source: TensorSource,
  name: string,
  { transpose = false, rows }: { transpose?: boolean; rows?: RowRange },
): Promise<tf.Tensor> {
  const [first, ...rest] = source.tensors.get(name)?.shape as number[];
  const count = rows ? rows.end - rows.begin : (first as number);
  const values = await source.readFloats(name, rows);
  return transpose
    ? tf.tensor(transposed(values, count, rest[0] as number), [rest[0] as number, count])
    : tf.tensor(values, [count, ...rest]);
}
