import * as tf from '@tensorflow/tfjs';
import { withGradient } from '../custom-gradient.js';
import { flatPositions, logNormalizers } from './row-statistics.js';

/** `tokenLogProbs` around softmax, the one fused operation that every backend has. */
export function composedTokenLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  const [rows, vocabulary] = logits.shape;
  return withGradient<tf.Tensor1D>(
    [logits],
    () => {
      // Gathering from a vector is cheaper than a one-hot product.
      const positions = flatPositions(targets, logits.shape); // [N]
      const picked = tf.gather(tf.reshape(logits, [-1]), positions); // [N]
      return { value: tf.sub(picked, logNormalizers(logits)), saved: [logits, positions] };
    },
    (dy, saved) => {
      const [logits, positions] = saved as [tf.Tensor2D, tf.Tensor1D];
      // d/dz = dy · (onehot − softmax(z))
      const spread = tf.mul(tf.softmax(logits), tf.reshape(tf.neg(dy), [rows, 1])); // [N, V]
      const picked = tf.scatterND(tf.expandDims(positions, 1), dy, [rows * vocabulary]); // [N·V]
      return [tf.add(spread, tf.reshape(picked, [rows, vocabulary]))];
    },
  );
}
