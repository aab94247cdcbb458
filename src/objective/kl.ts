import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { stopGradient, untaped } from '../tensor/gradients.js';
import { assertFloat, assertShape } from '../tensor/shape.js';
import { clampedDifference } from './ratio.js';

/** An estimator of KL(policy ‖ reference) from sampled tokens; see `kl`. */
export type KlKind = 'k1' | 'k2' | 'k3' | 'abs' | 'k1+' | 'k3+' | 'abs+';

const KINDS: readonly string[] = ['k1', 'k2', 'k3', 'abs', 'k1+', 'k3+', 'abs+'] satisfies KlKind[];

/**
 * Throws unless the estimator is one of those that exist.
 * @throws BicotError `value`
 */
export function checkKlKind(what: string, kind: KlKind): void {
  if (KINDS.includes(kind)) return;
  throw new BicotError(
    'value',
    `${what} is ${JSON.stringify(kind)}; use 'k3' (the default of every preset) or another of ${KINDS.join(', ')}.`,
  );
}

/**
 * An estimate of KL(policy ‖ reference) for each token, from tokens sampled from the policy
 * (J. Schulman, "Approximating KL Divergence", http://joschu.net/blog/kl-approx.html). With Δ = ref − lp:
 *
 *     k1   −Δ                unbiased; may be negative. As a penalty its expected gradient is 0: a metric, not a loss
 *     k2   Δ²/2              biased, low variance; its expected gradient is that of the KL
 *     k3   exp(Δ) − Δ − 1    unbiased, never negative (GRPO, T2I-R1); gradient 1 − exp(Δ) w.r.t. lp
 *     abs  |Δ|
 *     k1+, k3+, abs+         straight-through: the value of k1, k3, abs with the gradient of k2 (verl)
 *
 * Δ is clamped to ±20, so that a token which the reference finds impossible gives a large number instead of an
 * infinite one; beyond it the gradient is 0. Differentiable in both arguments; for a penalty the reference's is
 * a constant.
 * @param logProbs any shape, e.g. `[N, T]`
 * @param referenceLogProbs same shape; −∞ is allowed
 * @returns same shape; the caller disposes it
 * @throws BicotError `shape`; `value` for an unknown kind
 */
export function kl<T extends tf.Tensor>(kind: KlKind, logProbs: T, referenceLogProbs: T): T {
  checkKlKind('kl: kind', kind);
  assertShape('kl: referenceLogProbs', referenceLogProbs, logProbs.shape, 'the shape of logProbs');
  assertFloat('kl', { logProbs, referenceLogProbs });
  return tf.tidy(() => {
    const delta = clampedDifference(referenceLogProbs, logProbs);
    if (!kind.endsWith('+')) return estimate(kind, delta) as T;
    const k2 = estimate('k2', delta);
    return tf.add(k2, stopGradient(tf.sub(estimate(kind.slice(0, -1), delta), k2))) as T;
  });
}

function estimate(kind: string, delta: tf.Tensor): tf.Tensor {
  switch (kind) {
    case 'k1':
      return tf.neg(delta);
    case 'k2':
      return tf.mul(0.5, tf.square(delta));
    case 'abs':
      // Not tf.abs, whose gradient at 0 is not 0.
      return tf.mul(
        delta,
        untaped(() => tf.sign(delta)),
      );
    default:
      return k3(delta);
  }
}

/** Below this, exp(Δ) − Δ − 1 is computed by its series. */
const SMALL = 0.1;

/**
 * exp(Δ) − Δ − 1. In float32 the three terms cancel for a small Δ, and the result would be rounding noise of either
 * sign; the series Δ²/2·(1 + Δ/3·(1 + Δ/4·(…))) keeps every digit, in the gradient too.
 */
function k3(delta: tf.Tensor): tf.Tensor {
  const small = untaped(() => tf.less(tf.abs(delta), SMALL));
  let series: tf.Tensor = tf.onesLike(delta);
  for (let n = 6; n >= 3; n--) series = tf.add(1, tf.mul(tf.div(delta, n), series));
  series = tf.mul(tf.mul(0.5, tf.square(delta)), series);
  return tf.where(small, series, tf.sub(tf.sub(tf.exp(delta), delta), 1));
}
