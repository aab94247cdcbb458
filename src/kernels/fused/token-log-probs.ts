import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Inputs logits, targets; outputs the log-probs and the rows' log Σ exp. */
export const TOKEN_LOG_PROBS = 'BicotTokenLogProbs';
/** Inputs logits, targets, normalizers, dy; output dLogits. */
export const TOKEN_LOG_PROBS_GRAD = 'BicotTokenLogProbsGrad';

export function fusedTokenLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  const [logProbs, normalizers] = runKernel<[tf.Tensor1D, tf.Tensor1D]>(TOKEN_LOG_PROBS, { logits, targets });
  normalizers.dispose();
  return logProbs;
}

export const TOKEN_LOG_PROBS_GRADIENTS: readonly tf.GradConfig[] = [
  {
    kernelName: TOKEN_LOG_PROBS,
    inputsToSave: ['logits', 'targets'],
    outputsToSave: [false, true],
    gradFunc: (dys, saved) => {
      const [logits, targets, normalizers] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [dy] = dys as [tf.Tensor];
      const inputs = { logits, targets, normalizers, dy };
      return { logits: () => runKernel<tf.Tensor2D>(TOKEN_LOG_PROBS_GRAD, inputs) };
    },
  },
];
