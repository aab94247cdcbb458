import type * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { isFused } from './choice.js';
import { composedTokenLogProbs } from './composed/token-log-probs.js';
import { fusedTokenLogProbs, TOKEN_LOG_PROBS } from './fused/token-log-probs.js';

/**
 * Log-probability of one token per row: `logits[n, target_n] − logsumexp(logits[n, :])`.
 *
 * Keeps nothing of size `[N, V]` but the logits themselves, which their producer owns: the gradient
 * `dy · (onehot − softmax)` is rebuilt from them.
 * @param logits `[N, V]`, finite
 * @param targets `[N]`, int32, each in `[0, V)`
 * @returns `[N]`; the caller disposes it
 * @throws BicotError `shape`
 */
export function tokenLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  assertShape('tokenLogProbs: targets', targets, [logits.shape[0]], '[N]');
  return isFused(TOKEN_LOG_PROBS, [logits], [targets])
    ? fusedTokenLogProbs(logits, targets)
    : composedTokenLogProbs(logits, targets);
}
