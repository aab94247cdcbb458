import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { assertFlag, assertKnownOptions, assertNumber, NOT_NEGATIVE } from '../options.js';
import { stopGradient } from '../tensor/gradients.js';
import { maskedFill } from '../tensor/masked.js';
import { assertFloat, assertShape } from '../tensor/shape.js';
import { aggregate } from './aggregate.js';
import {
  checkImportance,
  type ImportanceCorrection,
  importanceWeights,
  offPolicyMask,
} from './importance.js';
import { checkKlKind, type KlKind, kl } from './kl.js';
import {
  checkRatioLevel,
  clampedDifference,
  exponentiated,
  LOWEST_LOG_PROB,
  type RatioLevel,
} from './ratio.js';
import { unclipped } from './surrogates/clipped.js';
import { checkSurrogate, type Surrogate } from './surrogates/surrogate.js';

/** What the loss of one level is made of. The caller keeps ownership of all tensors. */
export interface LevelLossInput {
  /** `[N, T]`: of the policy, differentiable. */
  readonly logProbs: tf.Tensor2D;
  /**
   * `[N, T]`: of the policy before the first update of the batch; a constant. Default: `logProbs` without its
   * gradient, which is what it is in the first update.
   */
  readonly oldLogProbs?: tf.Tensor2D;
  /** `[N, T]`: of the distribution that was sampled from; a constant. For the off-policy corrections. */
  readonly behaviourLogProbs?: tf.Tensor2D;
  /** `[N, T]`: of the reference; a constant. Needed when `klWeight > 0`. */
  readonly referenceLogProbs?: tf.Tensor2D;
  /** `[N, T]`: of the policy's distributions in nats, differentiable. Needed when `entropyWeight > 0`. */
  readonly entropy?: tf.Tensor2D;
  /** `[N]`. */
  readonly advantages: tf.Tensor1D;
  /** `[N, T]`: from `tokenWeights`, 0 on padding; a constant. */
  readonly weights: tf.Tensor2D;
  /** `[N, T]`: multiplies the policy's term alone, e.g. `topEntropyMask`; a constant. Default: 1. */
  readonly policyFactor?: tf.Tensor2D;
  /** `[N, T]`: the weights of the KL term where they are others; a constant. Default: `weights`. */
  readonly klWeights?: tf.Tensor2D;
  /** `[N, T]`: the weights of the entropy's mean, which add up to 1 over the batch; a constant. Default: `weights`. */
  readonly entropyWeights?: tf.Tensor2D;
}

/** How the terms of a level's loss are made. Plain numbers: an adaptive coefficient's present value. */
export interface LossObjective {
  /** Default `token`. */
  readonly ratio?: RatioLevel;
  /** Default `unclipped()`. */
  readonly surrogate?: Surrogate;
  /** β: how strongly the reference pulls. Default 0, which needs no reference. */
  readonly klWeight?: number;
  /** Default `k3`. */
  readonly klEstimator?: KlKind;
  /** Multiply the KL by the ratio, which makes its gradient unbiased off-policy (DeepSeek-V3.2). Default false. */
  readonly klImportance?: boolean;
  /** How much entropy is worth. Default 0, which needs no entropy. */
  readonly entropyWeight?: number;
  /** Weighs the policy's term by how probable the sample was to the policy at the first update. Default `null`: not. */
  readonly importance?: ImportanceCorrection | null;
  /** Drops the policy's term of bad samples that the policy has left by more nats per token. Default `null`: none. */
  readonly offPolicyThreshold?: number | null;
}

/** Names of a loss's settings. */
export const LOSS_SETTINGS = [
  'ratio',
  'surrogate',
  'klWeight',
  'klEstimator',
  'klImportance',
  'entropyWeight',
  'importance',
  'offPolicyThreshold',
] as const satisfies readonly (keyof LossObjective)[];

/** One level of `grpoLoss`. */
export interface LossLevel {
  /** Log-probs, advantages and weights; the caller's. */
  readonly input: LevelLossInput;
  /** How the level's loss is made of them. */
  readonly objective: LossObjective;
}

/**
 * The loss of one level, for every objective of the GRPO family (in the order of TRL's `GRPOTrainer`):
 *
 *     loss = Σ_it w_it·m_it·k_i·ρ_it·l(r_it, A_i) + β·Σ_it v_it·kl_it − c·Σ_it u_it·H_it
 *
 * with the surrogate's l, the ratio r of `ratio`, weights w, the policy factor m, off-policy mask k, importance weights ρ,
 * KL weights v and entropy weights u. Whatever is not asked for is not computed. Entries of weight 0 contribute
 * exactly 0 to the value and the gradient, whatever their log-probs (−∞ and NaN included); elsewhere log-ratios are
 * clamped to ±20, so that −∞ from the reference gives a finite number. NaN in, NaN out.
 * @returns scalar; the caller disposes it
 * @throws BicotError `shape`; `value` if a term lacks its input (`referenceLogProbs`, `entropy`,
 * `behaviourLogProbs`), or for a setting that makes no sense or does not exist
 */
export function levelLoss(input: LevelLossInput, objective: LossObjective): tf.Scalar {
  checkInput(input);
  assertKnownOptions('levelLoss', objective, LOSS_SETTINGS);
  checkLossObjective('levelLoss', objective);
  checkTerms(input, objective);
  const { klWeight = 0, klEstimator = 'k3', klImportance = false, entropyWeight = 0 } = objective;
  const { referenceLogProbs, entropy, weights } = input;
  return tf.tidy(() => {
    // Rows that only the KL sees have a weight there.
    const present = input.klWeights ? tf.maximum(weights, input.klWeights) : weights;
    const mask = tf.cast(tf.notEqual(present, 0), 'float32') as tf.Tensor2D; // [N, T]
    const valid = (values: tf.Tensor2D) => maskedFill(values, mask); // [N, T]
    // −∞ · 0, for an advantage of 0, would be NaN.
    const logProbs = tf.maximum(valid(input.logProbs), LOWEST_LOG_PROB) as tf.Tensor2D;
    const old = stopGradient(input.oldLogProbs ? valid(input.oldLogProbs) : logProbs); // [N, T]
    const behaviour = input.behaviourLogProbs && valid(input.behaviourLogProbs);
    const logRatio = clampedDifference(logProbs, old) as tf.Tensor2D;
    const ratio = exponentiated(logRatio, mask, objective.ratio ?? 'token');
    const advantages = tf.reshape(input.advantages, [-1, 1]) as tf.Tensor2D; // [N, 1]
    const { loss } = objective.surrogate ?? unclipped();
    let losses = loss({ logProbs, oldLogProbs: old, logRatio, ratio, advantages, mask }); // [N, T] or [N, 1]
    if (behaviour) losses = corrected(losses, { advantages, logProbs, old, behaviour, mask }, objective);
    if (input.policyFactor) losses = tf.mul(losses, input.policyFactor);
    let total = aggregate(tf.mul(losses, tf.onesLike(weights)), weights);
    if (klWeight > 0 && referenceLogProbs) {
      const reference = stopGradient(valid(referenceLogProbs));
      let penalty = kl(klEstimator, logProbs, reference); // [N, T]
      if (klImportance) penalty = tf.mul(penalty, ratio);
      total = tf.add(total, tf.mul(klWeight, aggregate(penalty, input.klWeights ?? weights)));
    }
    if (entropyWeight > 0 && entropy) {
      const bonus = aggregate(entropy, input.entropyWeights ?? weights);
      total = tf.sub(total, tf.mul(entropyWeight, bonus));
    }
    return total;
  });
}

/** The policy's losses with what is off-policy weighed or left out. */
function corrected(
  losses: tf.Tensor,
  terms: Readonly<Record<'advantages' | 'logProbs' | 'old' | 'behaviour' | 'mask', tf.Tensor2D>>,
  { importance, offPolicyThreshold }: LossObjective,
): tf.Tensor {
  const { advantages, logProbs, old, behaviour, mask } = terms;
  let result = losses;
  if (typeof offPolicyThreshold === 'number') {
    result = tf.mul(result, offPolicyMask(advantages, logProbs, behaviour, mask, offPolicyThreshold));
  }
  return importance ? tf.mul(result, importanceWeights(old, behaviour, mask, importance)) : result;
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

/**
 * Throws unless the settings of a loss make sense, each by itself and together.
 * @throws BicotError `value`
 */
export function checkLossObjective(what: string, objective: LossObjective): void {
  const { ratio = 'token', surrogate, klWeight = 0, klEstimator = 'k3', entropyWeight = 0 } = objective;
  const { klImportance = false, importance } = objective;
  checkRatioLevel(what, ratio);
  if (surrogate !== undefined) checkSurrogate(what, surrogate);
  if (surrogate?.ownRatio && ratio !== 'token') {
    throw new BicotError(
      'value',
      `${what}: the surrogate '${surrogate.name}' makes its own ratio, so ratio '${ratio}' would do nothing. Leave ratio at 'token', or use another surrogate.`,
    );
  }
  assertNumber(what, 'klWeight', klWeight, NOT_NEGATIVE);
  checkKlKind(`${what}: klEstimator`, klEstimator);
  assertNumber(what, 'entropyWeight', entropyWeight, NOT_NEGATIVE);
  if (importance !== null && importance !== undefined) checkImportance(what, importance);
  assertFlag(what, 'klImportance', klImportance);
  if (objective.offPolicyThreshold !== null && objective.offPolicyThreshold !== undefined) {
    assertNumber(what, 'offPolicyThreshold', objective.offPolicyThreshold, NOT_NEGATIVE);
  }
}

/** Every term that is asked for has what it needs. */
function checkTerms(input: LevelLossInput, objective: LossObjective): void {
  const { klWeight = 0, entropyWeight = 0, importance, offPolicyThreshold } = objective;
  const need = (asked: boolean, tensor: tf.Tensor | undefined, setting: string, name: string): void => {
    if (!asked || tensor) return;
    throw new BicotError(
      'value',
      `levelLoss: ${setting}, but there are no ${name}. Pass them, or leave the setting out.`,
    );
  };
  need(klWeight > 0, input.referenceLogProbs, `klWeight is ${klWeight}`, 'referenceLogProbs');
  need(
    entropyWeight > 0,
    input.entropy,
    `entropyWeight is ${entropyWeight}`,
    'entropy values (input.entropy)',
  );
  need(Boolean(importance), input.behaviourLogProbs, 'importance is set', 'behaviourLogProbs');
  need(
    typeof offPolicyThreshold === 'number',
    input.behaviourLogProbs,
    `offPolicyThreshold is ${offPolicyThreshold}`,
    'behaviourLogProbs',
  );
}

function checkInput(input: LevelLossInput): void {
  const { logProbs, advantages, weights } = input;
  assertShape('levelLoss: logProbs', logProbs, [null, null], '[N, T]');
  assertShape('levelLoss: advantages', advantages, [logProbs.shape[0]], '[N]');
  assertShape('levelLoss: weights', weights, logProbs.shape, '[N, T]');
  for (const name of [
    'oldLogProbs',
    'behaviourLogProbs',
    'referenceLogProbs',
    'entropy',
    'policyFactor',
    'klWeights',
    'entropyWeights',
  ] as const) {
    const tensor = input[name];
    if (tensor) assertShape(`levelLoss: ${name}`, tensor, logProbs.shape, '[N, T]');
  }
  assertFloat('levelLoss', { ...input });
}
