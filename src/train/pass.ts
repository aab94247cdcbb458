import * as tf from '@tensorflow/tfjs';
import { levelLoss } from '../objective/loss.js';
import type { CompletionScores } from '../policy/log-probs.js';
import type { NamedVariables } from '../policy/policy.js';
import { levelLogProbs, levelScores } from '../rollout/level-log-probs.js';
import type { LevelTerms } from '../rollout/terms.js';
import { repeatHostRows, repeatRows } from '../tensor/repeat-rows.js';
import { type Gradients, type LossGradients, lossGradients } from './gradients.js';

/** What a pass over some rows gives. */
export interface LevelPass {
  /** Their part of the loss; 0 without a backward pass. */
  readonly loss: number;
  /** `[R · T]`: of the policy, before the update. */
  readonly logProbs: Float32Array;
  /** The caller disposes them; none without a backward pass. */
  readonly gradients: Gradients;
}

/** Forward alone: what the metrics need. */
export async function scorePass<C>({ level }: Pick<LevelTerms<C>, 'level'>): Promise<LevelPass> {
  const scored = levelLogProbs(level); // [R, T]
  try {
    return { loss: 0, logProbs: (await scored.data()) as Float32Array, gradients: {} };
  } finally {
    scored.dispose();
  }
}

/**
 * Forward and backward, by the policy that sampled the level.
 * @throws BicotError `value` if the loss depends on none of the variables
 */
export async function gradientPass<C>(terms: LevelTerms<C>, variables: NamedVariables): Promise<LevelPass> {
  let scored: tf.Tensor2D | undefined;
  let pass: LossGradients | undefined;
  try {
    pass = lossGradients(() => {
      // The forward's values are wanted for the metrics, and as the old log-probs of a second update.
      const wantsEntropy = (terms.loss.entropyWeight ?? 0) > 0;
      const scores: Scores = wantsEntropy
        ? levelScores(terms.level)
        : { logProbs: levelLogProbs(terms.level) }; // [R, T]
      scored = tf.keep(scores.logProbs);
      return termsLoss(terms, scores);
    }, variables);
    const [loss, logProbs] = await Promise.all([pass.loss.data(), (scored as unknown as tf.Tensor2D).data()]);
    return { loss: loss[0] as number, logProbs: logProbs as Float32Array, gradients: pass.gradients };
  } catch (error) {
    if (pass) tf.dispose(pass.gradients as tf.NamedTensorMap);
    throw error;
  } finally {
    tf.dispose([scored, pass?.loss].filter((tensor) => tensor !== undefined));
  }
}

type Scores = Pick<CompletionScores, 'logProbs'> & Partial<CompletionScores>;

/** The part of the level's loss that these rows make: differentiable in the scores. */
function termsLoss<C>(terms: LevelTerms<C>, { logProbs, entropy }: Scores): tf.Scalar {
  const { completion, samplesPerRow, behaviourLogProbs } = terms.level;
  const { width } = completion;
  const shape: [number, number] = [completion.rows * samplesPerRow, width]; // [N, T]
  /** Rows on the host to samples on the device. */
  const constant = (values: Float32Array | undefined): tf.Tensor2D | undefined =>
    values && tf.tensor2d(repeatHostRows(values, width, samplesPerRow), shape);
  /** Of samples already. */
  const perSample = (values: Float32Array | undefined): tf.Tensor2D | undefined =>
    values && tf.tensor2d(values, shape);
  const { importance, offPolicyThreshold } = terms.loss;
  const offPolicy = Boolean(importance) || typeof offPolicyThreshold === 'number';
  return levelLoss(
    {
      logProbs: repeatRows(logProbs, samplesPerRow),
      entropy: entropy && repeatRows(entropy, samplesPerRow),
      oldLogProbs: constant(terms.oldLogProbs),
      behaviourLogProbs: offPolicy ? constant(behaviourLogProbs) : undefined,
      referenceLogProbs: constant(terms.referenceLogProbs),
      advantages: tf.tensor1d(terms.advantages),
      weights: perSample(terms.weights) as tf.Tensor2D,
      policyFactor: perSample(terms.policyFactor),
      klWeights: perSample(terms.klWeights),
      entropyWeights: perSample(terms.entropyWeights),
    },
    terms.loss,
  );
}
