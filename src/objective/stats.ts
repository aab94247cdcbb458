import { assertLength } from '../tensor/shape.js';
import { MAX_LOG_RATIO, type RatioLevel } from './ratio.js';
import type { Surrogate } from './surrogates/surrogate.js';

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
  /** Share of the tokens whose policy gradient the surrogate's clip removes (without `delta`: TRL's `clip_ratio/region_mean`). */
  readonly clipFraction: number;
  /** Valid tokens. */
  readonly tokens: number;
}

/** What of an objective its metrics depend on. Default: the tokens' own ratios, and nothing that stops a token. */
export interface StatsObjective {
  /** Which ratio the surrogate sees. */
  readonly ratio?: RatioLevel;
  /** Says which tokens stop pulling. */
  readonly surrogate?: Pick<Surrogate, 'stops'>;
}

/**
 * Metrics of one level, in float64 on the host.
 * @throws BicotError `shape`
 */
export function levelStats(input: LevelStatsInput, objective: StatsObjective = {}): LevelStats {
  checkInput(input);
  const { logProbs, oldLogProbs, referenceLogProbs, advantages, lengths, width } = input;
  const { ratio: ratioLevel = 'token', surrogate } = objective;
  let kl = 0;
  let approxKl = 0;
  let maxRatioDeviation = 0;
  let ratios = 0;
  let clipped = 0;
  let tokens = 0;
  lengths.forEach((length, row) => {
    let sumOfLogs = 0;
    let stopped = 0;
    for (let i = row * width; i < row * width + length; i++) {
      const logProb = logProbs[i] as number;
      const logRatio = logProb - (oldLogProbs[i] as number);
      const ratio = Math.exp(logRatio);
      sumOfLogs += logRatio;
      if (referenceLogProbs) kl += k3((referenceLogProbs[i] as number) - logProb);
      approxKl += k3(logRatio);
      // Math.max and not a comparison, so that NaN shows.
      maxRatioDeviation = Math.max(maxRatioDeviation, Math.abs(ratio - 1));
      ratios += ratio;
      if (surrogate?.stops?.(ratio, advantages[row] as number)) stopped++;
      tokens++;
    }
    if (ratioLevel === 'token') clipped += stopped;
    else if (surrogate?.stops?.(Math.exp(sumOfLogs / length), advantages[row] as number)) clipped += length;
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

/** exp(Δ) − Δ − 1 on the host: without cancellation near 0, and with Δ clamped as in the loss. */
export function k3(delta: number): number {
  const clamped = Math.min(MAX_LOG_RATIO, Math.max(-MAX_LOG_RATIO, delta));
  return Math.expm1(clamped) - clamped;
}

function checkInput(input: LevelStatsInput): void {
  const { logProbs, oldLogProbs, referenceLogProbs, advantages, lengths, width } = input;
  const size = lengths.length * width;
  assertLength('levelStats: logProbs', logProbs, size, 'N · T');
  assertLength('levelStats: oldLogProbs', oldLogProbs, size, 'N · T');
  if (referenceLogProbs) assertLength('levelStats: referenceLogProbs', referenceLogProbs, size, 'N · T');
  assertLength('levelStats: advantages', advantages, lengths.length, 'N');
}
