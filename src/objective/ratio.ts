import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { clamp } from '../tensor/clamp.js';
import { stopGradient } from '../tensor/gradients.js';
import { assertFloat, assertShape } from '../tensor/shape.js';

/**
 * What is compared with the policy that sampled: each `token`; whole sequences (`sequence`: the geometric mean of
 * the tokens' ratios, GSPO); or whole sequences with a gradient of each token's own (`sequence-token`, GSPO-token).
 */
export type RatioLevel = 'token' | 'sequence' | 'sequence-token';

/**
 * Log-ratios are clamped to ± this before they are exponentiated (as verl does): e²⁰ ≈ 4.9·10⁸ is finite in float32
 * where e¹⁰⁰ is not. Beyond it the gradient is 0.
 */
export const MAX_LOG_RATIO = 20;

/** Log-probs below this count as this: the difference of two infinities is NaN. */
export const LOWEST_LOG_PROB = -1e9;

const RATIO_LEVELS: readonly string[] = ['token', 'sequence', 'sequence-token'] satisfies RatioLevel[];

/**
 * Throws unless a ratio level is one of the three.
 * @throws BicotError `value`
 */
export function checkRatioLevel(what: string, level: RatioLevel): void {
  if (!RATIO_LEVELS.includes(level)) {
    throw new BicotError(
      'value',
      `${what}: ratio is ${JSON.stringify(level)}; use 'token' (GRPO), 'sequence' (GSPO) or 'sequence-token' (GSPO-token).`,
    );
  }
}

/** A difference of log-probs, `minuend − subtrahend`, clamped to ±`MAX_LOG_RATIO`; infinite log-probs are safe. */
export function clampedDifference(minuend: tf.Tensor, subtrahend: tf.Tensor): tf.Tensor {
  return tf.tidy(() =>
    clamp(
      tf.sub(tf.maximum(minuend, LOWEST_LOG_PROB), tf.maximum(subtrahend, LOWEST_LOG_PROB)),
      -MAX_LOG_RATIO,
      MAX_LOG_RATIO,
    ),
  );
}

/** The mean over each row's valid tokens, 0 for a row without any: `[N, 1]`. */
export function rowMeans(values: tf.Tensor, mask: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    const counts = tf.maximum(tf.sum(mask, 1, true), 1); // [N, 1]
    return tf.div(tf.sum(tf.mul(values, mask), 1, true), counts) as tf.Tensor2D;
  });
}

/**
 * How much more probable the policy finds what was sampled than the policy that sampled it:
 *
 *     token           r_it = exp(lp_it − old_it)
 *     sequence        r_it = s_i = exp(mean_t (lp_it − old_it))                 (GSPO, arXiv 2507.18071, eq. 7)
 *     sequence-token  r_it = exp(lp_it − sg(lp_it)) · sg(s_i)                   (GSPO-token, eq. 14)
 *
 * Each log-ratio is clamped to ±20 (`MAX_LOG_RATIO`). Differentiable in `logProbs` alone if the others are constants.
 * @param logProbs `[N, T]`: of the policy
 * @param oldLogProbs `[N, T]`: of the policy that sampled
 * @param mask `[N, T]`: 1 where a token is valid, 0 on padding, where the log-probs must be finite
 * @returns `[N, T]`; the caller disposes it
 * @throws BicotError `shape`; `value` for an unknown level
 */
export function ratio(
  logProbs: tf.Tensor2D,
  oldLogProbs: tf.Tensor2D,
  mask: tf.Tensor2D,
  level: RatioLevel = 'token',
): tf.Tensor2D {
  checkRatioLevel('ratio', level);
  assertShape('ratio: logProbs', logProbs, [null, null], '[N, T]');
  assertShape('ratio: oldLogProbs', oldLogProbs, logProbs.shape, '[N, T]');
  assertShape('ratio: mask', mask, logProbs.shape, '[N, T]');
  assertFloat('ratio', { logProbs, oldLogProbs, mask });
  return tf.tidy(() => exponentiated(clampedDifference(logProbs, oldLogProbs), mask, level));
}

/** The ratio of clamped log-ratios: `[N, T]`. */
export function exponentiated(logRatio: tf.Tensor, mask: tf.Tensor, level: RatioLevel): tf.Tensor2D {
  return tf.tidy(() => {
    if (level === 'token') return tf.exp(logRatio) as tf.Tensor2D;
    const sequence = tf.exp(rowMeans(logRatio, mask)); // [N, 1]
    if (level === 'sequence') return tf.mul(sequence, tf.onesLike(mask)) as tf.Tensor2D;
    // exp(x − sg(x)) · sg(s) = sg(s), with the gradient sg(s) for each token.
    const own = tf.exp(tf.sub(logRatio, stopGradient(logRatio))); // 1 everywhere
    return tf.mul(own, stopGradient(sequence)) as tf.Tensor2D;
  });
}
