import * as tf from '@tensorflow/tfjs';

type RunKernel = (...args: Parameters<ReturnType<typeof tf.engine>['runKernel']>) => tf.Tensor;

/** The most bytes that tensors hold after any kernel that a synchronous action runs, beyond those of before. */
export function peakBytes(action: () => void): number {
  const engine = tf.engine() as unknown as { runKernel: RunKernel };
  const { runKernel } = engine;
  const before = tf.memory().numBytes;
  let highest = before;
  engine.runKernel = (...args) => {
    const result = runKernel.apply(engine, args);
    highest = Math.max(highest, tf.memory().numBytes);
    return result;
  };
  try {
    action();
  } finally {
    engine.runKernel = runKernel;
  }
  return highest - before;
}
