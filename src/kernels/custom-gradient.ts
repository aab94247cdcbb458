import * as tf from '@tensorflow/tfjs';
import { freeSaved } from '../tensor/gradients.js';

/**
 * An operation with a gradient of its own, with the types that `tf.customGrad` lacks.
 *
 * TensorFlow.js's default gradients go through transposed matrix products, which the wasm backend computes 13
 * times slower than plain ones, and through kernels that some backends lack; the kernels of this folder spell
 * their gradients out instead.
 * @param inputs the differentiable inputs, of any shape
 * @param forward computes the value and names the tensors that the gradient needs; everything else is disposed
 * @param backward the gradients of the inputs, in order
 * @returns the value; the caller disposes it
 */
export function withGradient<Output extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  forward: () => { value: Output; saved: readonly tf.Tensor[] },
  backward: (dy: Output, saved: readonly tf.Tensor[]) => readonly tf.Tensor[],
): Output {
  const op = tf.customGrad((...args) => {
    // TensorFlow.js appends `save` to the arguments.
    const save = args[args.length - 1] as unknown as (tensors: tf.Tensor[]) => void;
    const { value, saved } = forward();
    save([...saved]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => {
        // Without a tidy of its own, what it makes on the way would live until the whole backward pass is over.
        const gradients = tf.tidy(() => [...backward(dy as Output, kept)]);
        freeSaved(kept, gradients);
        return gradients.length === 1 ? (gradients[0] as tf.Tensor) : gradients;
      },
    };
  });
  return tf.tidy(() => op(...inputs)) as Output;
}
