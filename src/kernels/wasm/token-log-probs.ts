import type * as tf from '@tensorflow/tfjs';
import { TOKEN_LOG_PROBS, TOKEN_LOG_PROBS_GRAD } from '../fused/token-log-probs.js';
import type { WasmKernel } from './kernel.js';

/** Log-softmax and pick, and its gradient, without a tensor of probabilities. */
export const TOKEN_LOG_PROBS_KERNELS: readonly WasmKernel[] = [
  {
    name: TOKEN_LOG_PROBS,
    compute: ({ call, output, pointer }, inputs) => {
      const { logits, targets } = inputs as { logits: tf.TensorInfo; targets: tf.TensorInfo };
      const [rows, vocabulary] = logits.shape as [number, number];
      const [logProbs, normalizers] = [output([rows]), output([rows])];
      call('tokenLogProbs', rows, vocabulary, ...[logits, targets, logProbs, normalizers].map(pointer));
      return [logProbs, normalizers];
    },
  },
  {
    name: TOKEN_LOG_PROBS_GRAD,
    compute: ({ call, output, pointer }, inputs) => {
      const { logits, targets, normalizers, dy } = inputs as Readonly<Record<string, tf.TensorInfo>>;
      const [rows, vocabulary] = (logits as tf.TensorInfo).shape as [number, number];
      const dLogits = output([rows, vocabulary]);
      const tensors = [logits, targets, normalizers, dy, dLogits] as tf.TensorInfo[];
      call('tokenLogProbsGrad', rows, vocabulary, ...tensors.map(pointer));
      return dLogits;
    },
  },
];
