import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { stopGradient } from '../tensor/gradients.js';
import { assertShape } from '../tensor/shape.js';
import { type ClipRange, checkClipRange } from './clip.js';
import { checkKlKind, type KlKind, klEstimate } from './kl.js';
import { zeroWhereUnweighted } from './unweighted.js';
import type { Normalizer } from './weights.js';

export type { ClipRange } from './clip.js';

/** The objective of one level. */
export interface LevelObjective {
  /** How much the level counts; 0 leaves it out of the loss. */
  readonly weight: number;
  /** How its tokens are averaged. */
  readonly normalizer: Normalizer;
  /** `null`: no clip, for one update per batch. */
  readonly clip: ClipRange | null;
  /** β: how strongly the reference pulls. 0 needs no reference. */
  readonly klWeight: number;
  readonly klEstimator: KlKind;
}

/** What the loss of one level is made of. The caller keeps ownership of all tensors. */
export interface LevelLossInput {
  /** `[N, T]`: of the policy, differentiable. */
  readonly logProbs: tf.Tensor2D;
  /** `[N, T]`: of the policy that sampled; a constant. Default: `logProbs` without its gradient (first update of a batch). */
  readonly oldLogProbs?: tf.Tensor2D;
  /** `[N, T]`: of the reference; a constant. Needed when `klWeight > 0`. */
  readonly referenceLogProbs?: tf.Tensor2D;
  /** `[N]`. */
  readonly advantages: tf.Tensor1D;
  /** `[N, T]`: from `tokenWeights`, 0 on padding; a constant. */
  readonly weights: tf.Tensor2D;
}

/** The part of a level's objective that its loss needs: `weight` and `normalizer` are in the token weights already. */
export type LossObjective = Pick<LevelObjective, 'clip' | 'klWeight' | 'klEstimator'>;

/** One level of `grpoLoss`. */
export interface LossLevel {
  readonly input: LevelLossInput;
  readonly objective: LossObjective;
}

/**
 * The GRPO loss of one level (arXiv 2402.03300; the formulas of TRL's `GRPOTrainer`), with r = exp(lp − old):
 *
 *     l_it = −min( min(r_it, δ)·A_i, clip(r_it, 1 − low, 1 + high)·A_i ) + β·kl_it       loss = Σ_it w_it·l_it
 *
 * without δ, `min(r, δ)` is r; without a clip, the first term is −r·A; with β = 0 no KL is computed. Entries of
 * weight 0 contribute exactly 0 to the value and the gradient, whatever their log-probs (−∞ and NaN included).
 * @returns scalar; the caller disposes it
 * @throws BicotError `shape`; `value` if `klWeight > 0` without `referenceLogProbs`, or for a bad clip, weight or estimator
 */
export function levelLoss(input: LevelLossInput, objective: LossObjective): tf.Scalar {
  checkInput(input);
  checkLossObjective('levelLoss', objective);
  const { clip, klWeight, klEstimator } = objective;
  const { referenceLogProbs, weights } = input;
  if (klWeight > 0 && !referenceLogProbs) {
    throw new BicotError(
      'value',
      `levelLoss: klWeight is ${klWeight} but there are no referenceLogProbs. Pass the reference's log-probs, or set klWeight to 0.`,
    );
  }
  return tf.tidy(() => {
    const logProbs = zeroWhereUnweighted(input.logProbs, weights); // [N, T]
    const old = stopGradient(input.oldLogProbs ? zeroWhereUnweighted(input.oldLogProbs, weights) : logProbs); // [N, T]
    const ratio = tf.exp(tf.sub(logProbs, old)); // [N, T]
    const advantages = tf.expandDims(input.advantages, 1); // [N, 1]
    let losses = tf.neg(surrogate(ratio, advantages, clip)); // [N, T]
    if (klWeight > 0 && referenceLogProbs) {
      const reference = stopGradient(zeroWhereUnweighted(referenceLogProbs, weights)); // [N, T]
      losses = tf.add(losses, tf.mul(klWeight, klEstimate(klEstimator, logProbs, reference)));
    }
    return tf.sum(tf.mul(weights, losses)) as tf.Scalar;
  });
}

/**
 * The loss of a rollout: the sum over its levels. Their weights are in the token weights.
 * @returns scalar; the caller disposes it
 * @throws BicotError as `levelLoss`; `value` if there is no level
 */
export function grpoLoss(levels: readonly LossLevel[]): tf.Scalar {
  if (levels.length === 0) {
    throw new BicotError('value', 'grpoLoss: there are no levels; pass at least one.');
  }
  return tf.tidy(() =>
    levels
      .map(({ input, objective }) => levelLoss(input, objective))
      .reduce((sum, loss) => tf.add(sum, loss) as tf.Scalar),
  );
}

/** min(min(r, δ)·A, clip(r)·A): `[N, T]`. */
function surrogate(ratio: tf.Tensor, advantages: tf.Tensor, clip: ClipRange | null): tf.Tensor {
  if (clip === null) return tf.mul(ratio, advantages);
  const capped = clip.delta === undefined ? ratio : tf.minimum(ratio, clip.delta);
  const clipped = tf.clipByValue(ratio, 1 - clip.low, 1 + clip.high);
  // At a tie (any r inside the range) tf.minimum gives the whole gradient to its first argument. The unclipped term
  // comes first, so that no backend's idea of the gradient at the ends of the range matters.
  return tf.minimum(tf.mul(capped, advantages), tf.mul(clipped, advantages));
}

/**
 * Throws unless the clip, the KL weight and its estimator make sense.
 * @throws BicotError `value`
 */
export function checkLossObjective(what: string, { clip, klWeight, klEstimator }: LossObjective): void {
  checkClipRange(what, clip);
  if (!(klWeight >= 0 && klWeight < Number.POSITIVE_INFINITY)) {
    throw new BicotError('value', `${what}: klWeight is ${klWeight}, but must be finite and not negative.`);
  }
  checkKlKind(`${what}: klEstimator`, klEstimator);
}

function checkInput(input: LevelLossInput): void {
  const { logProbs, oldLogProbs, referenceLogProbs, advantages, weights } = input;
  assertShape('levelLoss: logProbs', logProbs, [null, null], '[N, T]');
  const [rows] = logProbs.shape;
  assertShape('levelLoss: advantages', advantages, [rows], '[N]');
  assertShape('levelLoss: weights', weights, logProbs.shape, '[N, T]');
  if (oldLogProbs) assertShape('levelLoss: oldLogProbs', oldLogProbs, logProbs.shape, '[N, T]');
  if (referenceLogProbs) {
    assertShape('levelLoss: referenceLogProbs', referenceLogProbs, logProbs.shape, '[N, T]');
  }
}
