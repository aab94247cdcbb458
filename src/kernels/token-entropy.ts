import * as tf from '@tensorflow/tfjs';
import { withGradient } from './custom-gradient.js';

/**
 * Entropy in nats of each row's distribution: `H = −Σ_v p_v·log p_v` with `p = softmax(logits)`.
 *
 * As `tokenLogProbs`, it keeps nothing of size `[N, V]` but the logits; the gradient `−dy·p·(log p + H)` is rebuilt
 * from them.
 * @param logits `[N, V]`, finite (a token that must not come has −1e9, and adds nothing)
 * @returns `[N]`; the caller disposes it
 */
export function tokenEntropy(logits: tf.Tensor2D): tf.Tensor1D {
  return withGradient<tf.Tensor1D>(
    [logits],
    () => {
      const { probabilities, shifted, logNormalizer } = distributionOf(logits);
      const mean = tf.sum(tf.mul(probabilities, shifted), -1); // [N]
      return { value: tf.sub(logNormalizer, mean) as tf.Tensor1D, saved: [logits] };
    },
    (dy, saved) => {
      const [kept] = saved as [tf.Tensor2D];
      const { probabilities, shifted } = distributionOf(kept);
      const mean = tf.sum(tf.mul(probabilities, shifted), -1, true); // [N, 1]
      // log p + H = (z − lse) + (lse − Σ p·z) = z − Σ p·z
      const pull = tf.mul(probabilities, tf.sub(shifted, mean)); // [N, V]
      return [tf.mul(pull, tf.reshape(tf.neg(dy), [-1, 1]))];
    },
  );
}

/** With the largest logit moved to 0: `logNormalizer` is log Σ exp(shifted). */
function distributionOf(logits: tf.Tensor2D) {
  const probabilities = tf.softmax(logits); // [N, V]
  const shifted = tf.sub(logits, tf.max(logits, -1, true)); // [N, V]
  // The likeliest token has p = exp(0) / Σ exp(shifted).
  const logNormalizer = tf.neg(tf.log(tf.max(probabilities, -1))); // [N]
  return { probabilities, shifted, logNormalizer };
}
