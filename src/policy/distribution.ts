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
  /** Classifier-free guidance; needs `policy.unconditional`. */
  readonly guidance?: GuidanceOptions;
  /** The most tokens of a completion. Default: the space's `length`; required for text. */
  readonly maxTokens?: number;
  /**
   * Record which tokens top-k / top-p kept, so that the truncated distribution can be trained exactly.
   * Training on a truncated rollout without it is refused. Default false.
   */
  readonly recordKept?: boolean;
}
