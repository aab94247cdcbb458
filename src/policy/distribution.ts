import { BicotError } from '../errors.js';
import type { KeptSet } from './kept.js';

/**
 * Which log-probs of a guided sample are trained (classifier-free guidance samples from
 * `uncond + scale · (cond − uncond)`):
 * - `guided`: of the distribution really sampled from; gradients flow through both branches.
 * - `conditional`: of the conditional branch alone, as T2I-R1 does. Sampled and trained distribution then
 *   differ, so the loss takes its old log-probs from the policy itself and the gap is reported.
 * - `guided-detached`: guided values, but no gradient through the unconditional branch.
 */
export type GuidanceLogProbs = 'guided' | 'conditional' | 'guided-detached';

/** Classifier-free guidance of one level. */
export interface GuidanceOptions {
  /** 1 is no guidance; T2I-R1 samples images with 5. */
  readonly scale: number;
  /** Which log-probs train. Default `guided`. */
  readonly logProbs?: GuidanceLogProbs;
}

/** The distribution one level is sampled from. */
export interface SamplingOptions {
  /** Divides the logits. Default 1. */
  readonly temperature?: number;
  /** Keep the k most probable tokens; 0 (default) keeps all. */
  readonly topK?: number;
  /** Keep the smallest set of tokens whose probability reaches p; 1 (default) keeps all. */
  readonly topP?: number;
  /** Classifier-free guidance; needs `policy.unconditional`. Default: none. */
  readonly guidance?: GuidanceOptions;
  /** The most tokens of a completion. Default: the space's `length`; required for text. */
  readonly maxTokens?: number;
  /**
   * Record which tokens top-k / top-p kept, so that the truncated distribution can be trained exactly.
   * Training on a truncated rollout without it is refused. Default false.
   */
  readonly recordKept?: boolean;
}

/** The distribution that tokens are scored under: what `SamplingOptions` says, with truncation as it happened. */
export interface TokenDistribution {
  /** Divides the logits. Default 1. */
  readonly temperature?: number;
  /** Classifier-free guidance; needs `policy.unconditional`. */
  readonly guidance?: GuidanceOptions;
  /** Which tokens truncation kept; the others get probability 0. Default: all kept. */
  readonly kept?: KeptSet;
}

/** Whether a guidance changes the distribution at all (a scale of 1 does not). */
export function isGuided(guidance: GuidanceOptions | undefined): guidance is GuidanceOptions {
  return guidance !== undefined && guidance.scale !== 1;
}

/** Whether top-k or top-p can drop tokens from a vocabulary of this size. */
export function isTruncated(sampling: SamplingOptions, vocabulary: number): boolean {
  const { topK = 0, topP = 1 } = sampling;
  return (topK > 0 && topK < vocabulary) || topP < 1;
}

const GUIDANCE_LOG_PROBS: readonly GuidanceLogProbs[] = ['guided', 'conditional', 'guided-detached'];

/**
 * Throws unless temperature and guidance make a distribution.
 * @throws BicotError `value`
 */
export function assertDistribution(what: string, distribution: TokenDistribution): void {
  const { temperature = 1, guidance } = distribution;
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new BicotError(
      'value',
      `${what}: temperature is ${temperature} but must be positive and finite. For greedy decoding use topK: 1.`,
    );
  }
  if (guidance === undefined) return;
  if (!Number.isFinite(guidance.scale)) {
    throw new BicotError(
      'value',
      `${what}: guidance.scale is ${guidance.scale} but must be a finite number; 1 is no guidance.`,
    );
  }
  if (guidance.logProbs !== undefined && !GUIDANCE_LOG_PROBS.includes(guidance.logProbs)) {
    throw new BicotError(
      'value',
      `${what}: guidance.logProbs is '${guidance.logProbs}' but must be one of ${GUIDANCE_LOG_PROBS.join(', ')}.`,
    );
  }
}

/**
 * Throws unless the options describe a distribution that can be sampled.
 * @throws BicotError `value`
 */
export function assertSampling(what: string, sampling: SamplingOptions): void {
  assertDistribution(what, sampling);
  const { topK = 0, topP = 1, maxTokens } = sampling;
  if (!(Number.isInteger(topK) && topK >= 0)) {
    throw new BicotError('value', `${what}: topK is ${topK} but must be a whole number; 0 keeps all tokens.`);
  }
  if (!(topP > 0 && topP <= 1)) {
    throw new BicotError('value', `${what}: topP is ${topP} but must lie in (0, 1]; 1 keeps all tokens.`);
  }
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw new BicotError('value', `${what}: maxTokens is ${maxTokens} but must be a positive whole number.`);
  }
}
