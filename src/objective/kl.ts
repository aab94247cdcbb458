import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { assertShape } from '../tensor/shape.js';

/** An estimator of KL(policy ‖ reference) from sampled tokens; see `klEstimate`. */
export type KlKind = 'k1' | 'k2' | 'k3';

/**
 * Throws unless the estimator is one of the three.
 * @throws BicotError `value`
 */
export function checkKlKind(what: string, kind: KlKind): void {
  if (!['k1', 'k2', 'k3'].includes(kind)) {
    throw new BicotError(
      'value',
      `${what} is ${JSON.stringify(kind)}; use 'k1', 'k2' or 'k3' (the default of every preset).`,
    );
  }
}

/**
 * An estimate of KL(policy ‖ reference) for each token, from tokens sampled from the policy
 * (J. Schulman, "Approximating KL Divergence", http://joschu.net/blog/kl-approx.html). With Δ = ref − lp:
 *
 *     k1 = −Δ               unbiased; may be negative. As a penalty its expected gradient is 0: a metric, not a loss
 *     k2 = Δ²/2             biased, low variance; its expected gradient is that of the KL
 *     k3 = exp(Δ) − Δ − 1   unbiased, never negative (GRPO, T2I-R1); gradient 1 − exp(Δ) w.r.t. lp
 *
 * Differentiable in `logProbs`.
 * @param logProbs any shape, e.g. `[N, T]`
 * @param referenceLogProbs same shape
 * @returns same shape; the caller disposes it
 * @throws BicotError `shape`; `value` for an unknown kind
 */
export function klEstimate(kind: KlKind, logProbs: tf.Tensor, referenceLogProbs: tf.Tensor): tf.Tensor {
  checkKlKind('klEstimate: kind', kind);
  assertShape('klEstimate: referenceLogProbs', referenceLogProbs, logProbs.shape, 'the shape of logProbs');
  return tf.tidy(() => {
    switch (kind) {
      case 'k1':
        return tf.sub(logProbs, referenceLogProbs);
      case 'k2':
        return tf.mul(0.5, tf.square(tf.sub(logProbs, referenceLogProbs)));
      case 'k3': {
        const delta = tf.sub(referenceLogProbs, logProbs);
        return tf.sub(tf.sub(tf.exp(delta), delta), 1);
      }
    }
  });
}
