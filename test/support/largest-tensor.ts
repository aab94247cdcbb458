import * as tf from '@tensorflow/tfjs';

/** Bytes of the largest tensor that an action makes. */
export async function largestTensor(action: () => void | Promise<void>): Promise<number> {
  const engine = tf.engine() as unknown as {
    trackTensor(tensor: tf.TensorInfo, backend?: tf.KernelBackend): void;
  };
  const { trackTensor } = engine;
  let largest = 0;
  engine.trackTensor = function (tensor, backend) {
    largest = Math.max(largest, 4 * tf.util.sizeFromShape(tensor.shape));
    trackTensor.call(this, tensor, backend);
  };
  try {
    await action();
  } finally {
    Object.assign(engine, { trackTensor });
  }
  return largest;
}
