import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { isTruncated, type TokenDistribution } from '../policy/distribution.js';
import { sliceKeptSet } from '../policy/kept.js';
import {
  type CompletionScores,
  completionLogProbs,
  completionScores,
  type ScoredBatch,
} from '../policy/log-probs.js';
import type { Policy } from '../policy/policy.js';
import { tokenSpaceOf } from '../policy/spaces.js';
import { sliceTokenBatch } from '../policy/tokens.js';
import type { LevelRollout } from './types.js';

/** The rows `[begin, end)` of a level. */
export interface RowRange {
  /** The first row, from 0. Default, where it may be left out: 0. */
  readonly begin: number;
  /** One past the last row. Default, where it may be left out: all rows. */
  readonly end: number;
}

/** Which rows of a level to score, and by whom. Default: all rows, by the policy that sampled them. */
export interface LevelLogProbsOptions<Context> extends Partial<RowRange> {
  /** Who scores, e.g. the reference, for the KL penalty. Default: who sampled. */
  readonly policy?: Policy<Context>;
}

/**
 * Scores a level's rows again, under the distribution they were sampled from: same temperature, guidance and
 * kept tokens, so that with unchanged weights the result equals `behaviourLogProbs`. With guidance log-probs
 * `conditional` it is the conditional branch instead, and differs from them by the guidance. Differentiable in
 * the policy's variables.
 * @returns `[R, T]` with R the rows of the range, 0 on padding; the caller disposes it
 * @throws BicotError `unsupported` if top-k or top-p was used without recording what it kept
 */
export function levelLogProbs<Context>(
  level: LevelRollout<Context>,
  options: LevelLogProbsOptions<Context> = {},
): tf.Tensor2D {
  return completionLogProbs(options.policy ?? level.policy, ...scored(level, options));
}

/**
 * As `levelLogProbs`, with the entropy of the same distributions out of one forward pass, for an entropy bonus.
 * @returns `[R, T]` each; the caller disposes them
 * @throws BicotError as `levelLogProbs`
 */
export function levelScores<Context>(
  level: LevelRollout<Context>,
  options: LevelLogProbsOptions<Context> = {},
): CompletionScores {
  return completionScores(options.policy ?? level.policy, ...scored(level, options));
}

/** The rows and the distribution they were sampled from. */
function scored<Context>(
  level: LevelRollout<Context>,
  { begin = 0, end = level.completion.rows }: Partial<RowRange>,
): [ScoredBatch<Context>, TokenDistribution] {
  assertScorable(level);
  assertRange(level, { begin, end });
  const { temperature, guidance } = level.sampling;
  return [
    {
      contexts: level.contexts.slice(begin, end),
      completion: sliceTokenBatch(level.completion, begin, end),
      space: level.space,
    },
    { temperature, guidance, kept: level.kept && sliceKeptSet(level.kept, begin, end) },
  ];
}

function assertScorable<Context>(level: LevelRollout<Context>): void {
  const { size } = tokenSpaceOf(level.policy, level.space);
  if (level.kept === undefined && isTruncated(level.sampling, size)) {
    const { topK = 0, topP = 1 } = level.sampling;
    throw new BicotError(
      'unsupported',
      `Level '${level.name}' was sampled with topK ${topK}, topP ${topP} but what they kept was not recorded. Log-probs over all tokens would not be those of the distribution sampled from, and the ratio would be wrong from the first update. Set sampling.recordKept: true, or sample without truncation while training.`,
    );
  }
}

function assertRange<Context>(level: LevelRollout<Context>, { begin, end }: RowRange): void {
  const { rows } = level.completion;
  if (!(Number.isInteger(begin) && Number.isInteger(end) && 0 <= begin && begin < end && end <= rows)) {
    throw new BicotError(
      'shape',
      `levelLogProbs: rows [${begin}, ${end}) of level '${level.name}' do not exist; it has ${rows} rows. Give 0 <= begin < end <= ${rows}.`,
    );
  }
}
