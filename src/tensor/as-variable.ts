import * as tf from '@tensorflow/tfjs';

/**
 * A variable in place of a tensor, with its numbers.
 * @param tensor disposed
 * @returns the caller disposes it
 */
export function asVariable(tensor: tf.Tensor): tf.Variable {
  const variable = tf.variable(tensor);
  tensor.dispose();
  return variable;
}
