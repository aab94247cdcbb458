import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { assertKnownOptions, assertNumber, NOT_NEGATIVE, POSITIVE } from '../options.js';
import { clamp } from '../tensor/clamp.js';
import { untaped } from '../tensor/gradients.js';
import { assertLength, assertShape } from '../tensor/shape.js';
import { clampedDifference, MAX_LOG_RATIO, rowMeans } from './ratio.js';

/**
 * Corrects for rollouts that another distribution made than the policy had at the first update of the batch: another
 * engine, an older policy, or guidance that is sampled under but not trained (TRL's
 * `vllm_importance_sampling_*`; truncated importance sampling, and IcePop's masked one).
 */
export interface ImportanceCorrection {
  /** One weight per token, or one per sequence: the product of its tokens'. */
  readonly level: 'token' | 'sequence';
  /** Whether weights outside `[min, max]` are moved to its ends (`truncate`) or set to 0 (`mask`). */
  readonly mode: 'truncate' | 'mask';
  /** The largest weight; 3 in TRL. */
  readonly max: number;
  /** The smallest weight. Default 0: no lower bound. */
  readonly min?: number;
}

/**
 * Throws unless a correction makes sense.
 * @throws BicotError `value`
 */
export function checkImportance(what: string, correction: ImportanceCorrection): void {
  assertKnownOptions(`${what}: importance`, correction, ['level', 'mode', 'max', 'min']);
  const { level, mode, max, min = 0 } = correction;
  if (!['token', 'sequence'].includes(level) || !['truncate', 'mask'].includes(mode)) {
    throw new BicotError(
      'value',
      `${what}: importance has level ${JSON.stringify(level)} and mode ${JSON.stringify(mode)}; use level 'token' or 'sequence', and mode 'truncate' or 'mask'.`,
    );
  }
  assertNumber(what, 'importance.max', max, POSITIVE);
  assertNumber(what, 'importance.min', min, NOT_NEGATIVE);
  if (min > max) {
    throw new BicotError('value', `${what}: importance.min is ${min}, above importance.max, ${max}.`);
  }
}

/**
 * The weight of each token in the policy's loss, a constant, with d = old − behaviour:
 *
 *     token     ρ_it = exp(d_it)
 *     sequence  ρ_it = exp(Σ_t d_it)
 *
 * then truncated to `[min, max]`, or 0 outside of it. Exponents are clamped to ±20.
 * @param oldLogProbs `[N, T]`: of the policy at the first update of the batch
 * @param behaviourLogProbs `[N, T]`: of the distribution that was sampled from
 * @param mask `[N, T]`: 1 where a token is valid
 * @returns `[N, T]`, 1 on padding for `token`; the caller disposes it
 * @throws BicotError `shape`; `value` for a correction that makes no sense
 */
export function importanceWeights(
  oldLogProbs: tf.Tensor2D,
  behaviourLogProbs: tf.Tensor2D,
  mask: tf.Tensor2D,
  correction: ImportanceCorrection,
): tf.Tensor2D {
  checkImportance('importanceWeights', correction);
  assertShape('importanceWeights: oldLogProbs', oldLogProbs, [null, null], '[N, T]');
  assertShape('importanceWeights: behaviourLogProbs', behaviourLogProbs, oldLogProbs.shape, '[N, T]');
  assertShape('importanceWeights: mask', mask, oldLogProbs.shape, '[N, T]');
  const { level, mode, max, min = 0 } = correction;
  return untaped(() => {
    const differences = tf.mul(clampedDifference(oldLogProbs, behaviourLogProbs), mask); // [N, T]
    const logWeights =
      level === 'token'
        ? differences
        : tf.mul(clamp(tf.sum(differences, 1, true), -MAX_LOG_RATIO, MAX_LOG_RATIO), tf.onesLike(mask));
    const weights = tf.exp(logWeights); // [N, T]
    if (mode === 'truncate') return clamp(weights, min, max) as tf.Tensor2D;
    const inside = tf.logicalAnd(tf.greaterEqual(weights, min), tf.lessEqual(weights, max));
    return tf.where(inside, weights, tf.zerosLike(weights)) as tf.Tensor2D;
  });
}

/**
 * Which rows keep their policy loss: those of advantage ≥ 0, and the others as long as the policy has not moved
 * further than `threshold` nats per token from the one that sampled (DeepSeek-V3.2's off-policy sequence mask;
 * TRL's `off_policy_mask_threshold`):
 *
 *     keep_i = A_i ≥ 0 or mean_t (behaviour_it − lp_it) ≤ threshold
 *
 * @param advantages `[N]` or `[N, 1]`
 * @param logProbs `[N, T]`: of the policy; no gradient flows
 * @param behaviourLogProbs `[N, T]`: of the distribution that was sampled from
 * @param mask `[N, T]`: 1 where a token is valid
 * @returns `[N, 1]`, 1 or 0; the caller disposes it
 * @throws BicotError `shape`; `value` for a threshold that is no number, or below 0
 */
export function offPolicyMask(
  advantages: tf.Tensor,
  logProbs: tf.Tensor2D,
  behaviourLogProbs: tf.Tensor2D,
  mask: tf.Tensor2D,
  threshold: number,
): tf.Tensor2D {
  assertShape('offPolicyMask: logProbs', logProbs, [null, null], '[N, T]');
  assertShape('offPolicyMask: behaviourLogProbs', behaviourLogProbs, logProbs.shape, '[N, T]');
  assertShape('offPolicyMask: mask', mask, logProbs.shape, '[N, T]');
  assertLength('offPolicyMask: advantages', { length: advantages.size }, logProbs.shape[0], 'N');
  assertNumber('offPolicyMask', 'threshold', threshold, NOT_NEGATIVE);
  return untaped(() => {
    const moved = rowMeans(clampedDifference(behaviourLogProbs, logProbs), mask); // [N, 1]
    const good = tf.greaterEqual(tf.reshape(advantages, [-1, 1]), 0);
    const near = tf.lessEqual(moved, threshold);
    return tf.cast(tf.logicalOr(good, near), 'float32') as tf.Tensor2D;
  });
}
