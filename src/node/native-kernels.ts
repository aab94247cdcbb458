import * as tf from '@tensorflow/tfjs';

const repaired = new WeakSet<object>();

/**
 * Makes `tf.round` right for int32 on native TensorFlow, whose own kernel gives zeros since release 2.17 and says nothing
 * (tensorflow#74789): whole numbers are round already. Does nothing the second time.
 */
export function repairRound(): void {
  const round = tf.getKernel('Round', 'tensorflow');
  const identity = tf.getKernel('Identity', 'tensorflow');
  if (!round || !identity || repaired.has(round.kernelFunc)) return;
  const kernelFunc: typeof round.kernelFunc = (params) =>
    (params.inputs.x as tf.TensorInfo).dtype === 'int32'
      ? identity.kernelFunc(params)
      : round.kernelFunc(params);
  repaired.add(kernelFunc);
  tf.unregisterKernel('Round', 'tensorflow');
  tf.registerKernel({ ...round, kernelFunc });
}
