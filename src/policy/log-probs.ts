import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { tokenEntropy } from '../kernels/token-entropy.js';
import { tokenLogProbs } from '../kernels/token-log-probs.js';
import { untaped } from '../tensor/gradients.js';
import { maskedFill } from '../tensor/masked.js';
import { assertShape } from '../tensor/shape.js';
import { assertDistribution, isGuided, type TokenDistribution } from './distribution.js';
import { type KeptSet, keptMask } from './kept.js';
import type { Policy } from './policy.js';
import { tokenSpaceOf, unconditionalContexts } from './spaces.js';
import { assertTokenRange, type TokenBatch, tokenMask } from './tokens.js';

/** What is scored: N completions in one token space, and what each is conditioned on. */
export interface ScoredBatch<Context> {
  /** `[N]`. */
  readonly contexts: readonly Context[];
  /** `[N, T]`. */
  readonly completion: TokenBatch;
  /** A key of `policy.spaces`. */
  readonly space: string;
}

/** The logit of a token that truncation dropped: probability 0 in float32, and no infinity to make NaNs of. */
const DROPPED = -1e9;

/** What a policy thinks of completions' tokens; the caller disposes both. */
export interface CompletionScores {
  /** `[N, T]`, 0 on padding. */
  readonly logProbs: tf.Tensor2D;
  /** `[N, T]`: in nats, of the distribution that each token was drawn from; 0 on padding. */
  readonly entropy: tf.Tensor2D;
}

/**
 * As `completionLogProbs`, with the entropy of the same distributions, out of one forward pass. It needs the full
 * logits, so `policy.logProbs` is not used. Differentiable in the policy's variables.
 * @throws BicotError as `completionLogProbs`
 */
export function completionScores<Context>(
  policy: Policy<Context>,
  batch: ScoredBatch<Context>,
  distribution: TokenDistribution = {},
): CompletionScores {
  assertScorable(policy, batch, distribution);
  const { rows, width, ids } = batch.completion;
  if (rows * width === 0) return { logProbs: tf.zeros([rows, width]), entropy: tf.zeros([rows, width]) };
  return tf.tidy(() => {
    const mask = tf.tensor2d(tokenMask(batch.completion), [rows, width]); // [N, T]
    const masked = (values: tf.Tensor1D) =>
      maskedFill(tf.reshape(values, [rows, width]), mask) as tf.Tensor2D;
    const logits = distributionLogits(policy, batch, distribution); // [N·T, V]
    return {
      logProbs: masked(tokenLogProbs(logits, tf.tensor1d(ids, 'int32'))),
      entropy: masked(tokenEntropy(logits)),
    };
  });
}

/**
 * Log-probs of the completions' tokens under the policy: temperature, guidance and truncation as in
 * `distribution`, so that they equal the sampler's behaviour log-probs when the weights are the same.
 * Differentiable in the policy's variables.
 *
 * Uses `policy.logProbs` if there is one, unless guidance or a kept set needs the full logits.
 * Guidance `conditional` scores the conditional branch alone; see `GuidanceLogProbs`.
 * @returns `[N, T]`, 0 on padding (no gradient there either); the caller disposes it
 * @throws BicotError `shape`, `value`, `token-range`, or `unsupported` (guidance without `policy.unconditional`)
 */
export function completionLogProbs<Context>(
  policy: Policy<Context>,
  batch: ScoredBatch<Context>,
  distribution: TokenDistribution = {},
): tf.Tensor2D {
  assertScorable(policy, batch, distribution);
  const { contexts, completion, space } = batch;
  const { rows, width } = completion;
  const { temperature = 1, kept } = distribution;
  if (rows * width === 0) return tf.zeros([rows, width]);

  return tf.tidy(() => {
    const mask = tf.tensor2d(tokenMask(completion), [rows, width]); // [N, T]
    if (!scoresGuided(distribution) && kept === undefined && policy.logProbs !== undefined) {
      const direct = policy.logProbs(contexts, completion, space, temperature); // [N, T]
      assertShape('policy.logProbs', direct, [rows, width], '[N, T]');
      return maskedFill(direct, mask);
    }

    const logits = distributionLogits(policy, batch, distribution); // [N·T, V]
    const targets = tf.tensor1d(completion.ids, 'int32'); // [N·T]
    return maskedFill(tf.reshape(tokenLogProbs(logits, targets), [rows, width]) as tf.Tensor2D, mask);
  });
}

/** Whether both branches of guidance are scored. */
function scoresGuided({ guidance }: TokenDistribution): boolean {
  return isGuided(guidance) && guidance.logProbs !== 'conditional';
}

/** Logits of the distribution that is scored: guided, tempered, without the tokens that truncation dropped. `[N·T, V]`. */
function distributionLogits<Context>(
  policy: Policy<Context>,
  batch: ScoredBatch<Context>,
  distribution: TokenDistribution,
): tf.Tensor2D {
  const { temperature = 1, guidance, kept } = distribution;
  return tf.tidy(() => {
    let logits = flatLogits(policy, batch); // [N·T, V]
    if (guidance !== undefined && scoresGuided(distribution)) {
      const twins = unconditionalContexts(policy, batch.contexts, guidance);
      const score = () => flatLogits(policy, { ...batch, contexts: twins });
      const uncond = guidance.logProbs === 'guided-detached' ? untaped(score) : score(); // [N·T, V]
      // ℓ = u + s·(c − u), Ho & Salimans 2022 with their 1 + w = s
      logits = tf.add(uncond, tf.mul(tf.sub(logits, uncond), guidance.scale));
    }
    if (temperature !== 1) logits = tf.div(logits, temperature);
    return kept === undefined ? logits : dropTokens(logits, kept);
  });
}

/** Teacher-forced logits as one matrix, `[N·T, V]`: backends are slow on higher ranks. */
function flatLogits<Context>(policy: Policy<Context>, batch: ScoredBatch<Context>): tf.Tensor2D {
  const { contexts, completion, space } = batch;
  const { rows, width } = completion;
  const { size } = tokenSpaceOf(policy, space);
  const logits = policy.logits(contexts, completion, space);
  assertShape('policy.logits', logits, [rows, width, size], '[N, T, V]');
  return tf.reshape(logits, [rows * width, size]);
}

function dropTokens(logits: tf.Tensor2D, kept: KeptSet): tf.Tensor2D {
  const mask = tf.tensor2d(keptMask(kept), logits.shape, 'bool');
  return tf.where(mask, logits, tf.fill(logits.shape, DROPPED));
}

function assertScorable<Context>(
  policy: Policy<Context>,
  batch: ScoredBatch<Context>,
  distribution: TokenDistribution,
): void {
  const { contexts, completion, space } = batch;
  const { size } = tokenSpaceOf(policy, space);
  if (contexts.length !== completion.rows) {
    throw new BicotError(
      'shape',
      `completionLogProbs: ${contexts.length} contexts but ${completion.rows} completions. Give one context per row (rows of one prompt may share the object).`,
    );
  }
  assertTokenRange(completion, size, `completionLogProbs: space '${space}'`);
  assertDistribution('completionLogProbs', distribution);
  const { kept } = distribution;
  if (
    kept !== undefined &&
    (kept.rows !== completion.rows || kept.width !== completion.width || kept.vocabulary !== size)
  ) {
    throw new BicotError(
      'shape',
      `completionLogProbs: the kept set is for [${kept.rows}, ${kept.width}, ${kept.vocabulary}] but the completions are [${completion.rows}, ${completion.width}, ${size}] = [N, T, V]. Slice both alike (sliceTokenBatch, sliceKeptSet).`,
    );
  }
}
