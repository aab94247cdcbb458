import { assertLength } from '../tensor/shape.js';
import type { ClipRange } from './clip.js';

/** What `levelStats` reads, on the host. Values at padding are not looked at. */
export interface LevelStatsInput {
  /** `[N · T]`, row-major: of the policy. */
  readonly logProbs: ArrayLike<number>;
  /** `[N · T]`: of the policy that sampled. */
  readonly oldLogProbs: ArrayLike<number>;
  /** `[N · T]`: of the reference. */
  readonly referenceLogProbs?: ArrayLike<number>;
  /** `[N]`. */
  readonly advantages: ArrayLike<number>;
  /** `[N]`: valid tokens of each row. */
  readonly lengths: Int32Array;
  /** T. */
  readonly width: number;
}

/** How far the policy is from the reference and from the policy that sampled; means are over valid tokens. */
export interface LevelStats {
  /** KL(policy ‖ reference), k3; 0 without a reference. */
  readonly kl: number;
  /** KL(sampling policy ‖ policy), k3 (CleanRL's `approx_kl`). */
  readonly approxKl: number;
  /** max |r − 1|; about 0 before the first update of a batch, or else sampler and policy disagree. */
  readonly maxRatioDeviation: number;
  /** 1 if there are no tokens. */
  readonly meanRatio: number;
  /** Share of the tokens whose policy gradient the clip removes (without `delta`: TRL's `clip_ratio/region_mean`). */
  readonly clipFraction: number;
  /** Valid tokens. */
  readonly tokens: number;
}

/**
 * Metrics of one level, in float64 on the host.
 * @param clip the clip range of the loss; `null` for none
 * @throws BicotError `shape`
 */
export function levelStats(input: LevelStatsInput, clip: ClipRange | null): LevelStats {
  checkInput(input);
  const { logProbs, oldLogProbs, referenceLogProbs, advantages, lengths, width } = input;
  let kl = 0;
  let approxKl = 0;
  let maxRatioDeviation = 0;
  let ratios = 0;
  let clipped = 0;
  let tokens = 0;
  lengths.forEach((length, row) => {
    for (let i = row * width; i < row * width + length; i++) {
      const logProb = logProbs[i] as number;
      const logRatio = logProb - (oldLogProbs[i] as number);
      const ratio = Math.exp(logRatio);
      if (referenceLogProbs) kl += k3((referenceLogProbs[i] as number) - logProb);
      approxKl += k3(logRatio);
      // Math.max and not a comparison, so that NaN shows.
      maxRatioDeviation = Math.max(maxRatioDeviation, Math.abs(ratio - 1));
      ratios += ratio;
      if (clip && isClipped(ratio, advantages[row] as number, clip)) clipped++;
      tokens++;
    }
  });
  const mean = (sum: number): number => (tokens === 0 ? 0 : sum / tokens);
  return {
    kl: mean(kl),
    approxKl: mean(approxKl),
    maxRatioDeviation,
    meanRatio: tokens === 0 ? 1 : mean(ratios),
    clipFraction: mean(clipped),
    tokens,
  };
}

/** exp(Δ) − Δ − 1, without cancellation near 0. */
function k3(delta: number): number {
  return Math.expm1(delta) - delta;
}

/** Whether min(min(r, δ)·A, clip(r)·A) is flat in r. */
function isClipped(ratio: number, advantage: number, { low, high, delta }: ClipRange): boolean {
  if (advantage > 0) return ratio > Math.min(1 + high, delta ?? Number.POSITIVE_INFINITY);
  if (advantage < 0) {
    return ratio < 1 - low || (delta !== undefined && ratio > Math.max(delta, 1 + high));
  }
  return false;
}

function checkInput(input: LevelStatsInput): void {
  const { logProbs, oldLogProbs, referenceLogProbs, advantages, lengths, width } = input;
  const size = lengths.length * width;
  assertLength('levelStats: logProbs', logProbs, size, 'N · T');
  assertLength('levelStats: oldLogProbs', oldLogProbs, size, 'N · T');
  if (referenceLogProbs) assertLength('levelStats: referenceLogProbs', referenceLogProbs, size, 'N · T');
  assertLength('levelStats: advantages', advantages, lengths.length, 'N');
}
