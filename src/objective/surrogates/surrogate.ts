import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import type { Recipe } from '../../recipe.js';

/** What a surrogate may use, for N rows of T tokens. Values at padding are finite and do not count. */
export interface SurrogateTerms {
  /** `[N, T]`: log-probs of the policy, differentiable. */
  readonly logProbs: tf.Tensor2D;
  /** `[N, T]`: log-probs of the policy that sampled, a constant. */
  readonly oldLogProbs: tf.Tensor2D;
  /** `[N, T]`: log-probs minus those of the policy that sampled, clamped to ±20; differentiable. */
  readonly logRatio: tf.Tensor2D;
  /** `[N, T]`: exp of the log-ratio, or of its mean over the sequence, as the level's `ratio` says; differentiable. */
  readonly ratio: tf.Tensor2D;
  /** `[N, 1]`, a constant. */
  readonly advantages: tf.Tensor2D;
  /** `[N, T]`: 1 where a token is valid, 0 on padding; a constant. */
  readonly mask: tf.Tensor2D;
}

/**
 * How a token's ratio and advantage become its loss: the part of an objective in which PPO, CISPO and SAPO differ.
 * Make one as a plain object; `clipped`, `unclipped`, `clippedWeight` and `softGate` make such objects.
 */
export interface Surrogate {
  /** For logs and errors. */
  readonly name: string;
  /** Its numbers, for logs and saved configurations. */
  readonly settings?: Readonly<Record<string, number>>;
  /**
   * The loss of each token, to be minimised: `[N, T]`, or `[N, 1]` for one that all tokens of a row share. Called
   * inside `tf.tidy`. Advantage 0 must mean no gradient: training does not go backward through such rows.
   */
  readonly loss: (terms: SurrogateTerms) => tf.Tensor;
  /** Whether a token of this ratio and advantage pulls no more. For the metric `clipFraction`; default: none ever stops. */
  readonly stops?: (ratio: number, advantage: number) => boolean;
  /** Says that `loss` makes its own use of `logRatio`, so that the level's `ratio` would do nothing. Default false. */
  readonly ownRatio?: boolean;
  /** How a worker makes the same surrogate in a thread of its own, for `parallel`. */
  readonly recipe?: Recipe;
}

/**
 * Throws unless something is a surrogate.
 * @throws BicotError `value`
 */
export function checkSurrogate(what: string, surrogate: Surrogate): void {
  if (typeof surrogate?.loss === 'function') return;
  throw new BicotError(
    'value',
    `${what}: surrogate is ${JSON.stringify(surrogate)}, but must be an object with a function loss(terms); use clipped({ low: 0.2, high: 0.2 }), unclipped(), clippedWeight(), softGate(), or one of your own.`,
  );
}
