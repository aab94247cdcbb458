import * as tf from '@tensorflow/tfjs';

/** Tensors by the names that a kernel gives its inputs, or a list of them. */
export type KernelInputs = Readonly<Record<string, tf.Tensor>> | readonly tf.Tensor[];

/** Runs a registered kernel, as TensorFlow.js's own operations do: recorded for gradients if its inputs are. */
export function runKernel<Result extends tf.Tensor | tf.Tensor[]>(
  name: string,
  inputs: KernelInputs,
  attributes: Readonly<Record<string, number>> = {},
): Result {
  return tf.engine().runKernel(name, inputs as unknown as tf.NamedTensorMap, attributes) as Result;
}
