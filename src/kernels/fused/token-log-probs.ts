import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Inputs logits, targets; outputs the log-probs, NaN for a target out of range, and the rows' log Σ exp. */
export const TOKEN_LOG_PROBS = 'BicotTokenLogProbs';
/** Inputs logits, targets, normalizers, dy; output dLogits. A target out of range has no part in it. */
export const TOKEN_LOG_PROBS_GRAD = 'BicotTokenLogProbsGrad';

/** What is left of rows of logits. */
export interface RowStatistics {
  /** `[N]`: log-probabilities of the targets among these logits; of a target out of range, any number or NaN. */
  readonly logProbs: tf.Tensor1D;
  /** `[N]`: log Σ exp of the logits. */
  readonly normalizers: tf.Tensor1D;
}

/** What the gradient of rows of logits is made of. */
export interface RowGradients {
  /** `[N]`, int32; one out of range has no part in the gradient. */
  readonly targets: tf.Tensor1D;
  /** `[N]`: log Σ exp of all logits of the row, of which the given ones may be a part. */
  readonly normalizers: tf.Tensor1D;
  /** `[N]`: gradients of the log-probs. */
  readonly dy: tf.Tensor1D;
}

export function fusedTokenLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  const { logProbs, normalizers } = fusedRowStatistics(logits, targets);
  normalizers.dispose();
  return logProbs;
}

/** The log-probs, `[N]`, and the rows' log Σ exp, `[N]`. */
export function fusedRowStatistics(logits: tf.Tensor2D, targets: tf.Tensor1D): RowStatistics {
  const [logProbs, normalizers] = runKernel<[tf.Tensor1D, tf.Tensor1D]>(TOKEN_LOG_PROBS, { logits, targets });
  return { logProbs, normalizers };
}

/** `dy · (onehot − exp(logits − normalizers))`, `[N, V]`. */
export function fusedLogitsGradient(
  logits: tf.Tensor2D,
  { targets, normalizers, dy }: RowGradients,
): tf.Tensor2D {
  return runKernel<tf.Tensor2D>(TOKEN_LOG_PROBS_GRAD, { logits, targets, normalizers, dy });
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
