import * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { withGradient } from './custom-gradient.js';

/**
 * Rows of a matrix by index: an embedding lookup, or picking positions out of a flattened sequence.
 * Its gradient is a scatter-add, which every backend has (the default one, UnsortedSegmentSum, wasm has not).
 * @param table `[V, d]`
 * @param ids `[N]`, int32, each in `[0, V)` (validate on the host: some backends read zeros instead of throwing)
 * @returns `[N, d]`; the caller disposes it
 */
export function embed(table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D {
  assertShape('embed: table', table, [null, null], '[V, d]');
  assertShape('embed: ids', ids, [null], '[N]');
  const shape = table.shape;
  return withGradient<tf.Tensor2D>(
    [table],
    () => ({ value: tf.gather(table, ids), saved: [ids] }),
    (dy, [ids]) => [tf.scatterND(tf.expandDims(ids as tf.Tensor, 1), dy, shape)],
  );
}
