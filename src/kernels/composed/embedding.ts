import * as tf from '@tensorflow/tfjs';
import { withGradient } from '../custom-gradient.js';

/** `embed`, whose gradient is a scatter-add: every backend has one, while wasm lacks the default UnsortedSegmentSum. */
export function composedEmbed(table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D {
  const shape = table.shape;
  return withGradient<tf.Tensor2D>(
    [table],
    () => ({ value: tf.gather(table, ids), saved: [ids] }),
    (dy, [ids]) => [tf.scatterND(tf.expandDims(ids as tf.Tensor, 1), dy, shape)],
  );
}
