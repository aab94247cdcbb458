import { isGuided, type SamplingOptions } from '../../policy/distribution.js';
import type { Policy } from '../../policy/policy.js';
import { tokenSpaceOf, unconditionalContexts } from '../../policy/spaces.js';
import type { TokenBatch } from '../../policy/tokens.js';
import type { UniformStream } from '../../tensor/noise.js';
import { readAll } from './values.js';

/** A token drawn by inverse CDF in vocabulary order. */
export interface DrawnExactly {
  readonly id: number;
  /** Distance of the uniform number to the nearer end of the token's interval: a probability. */
  readonly margin: number;
  readonly logProb: number;
  readonly entropy: number;
}

/**
 * What a uniform number draws, in float64, and how near it is to drawing another token: two computations whose
 * probabilities differ by less than that margin agree about the token.
 * @param logits `[V]`, guided but not tempered
 */
export function drawExactly(logits: ArrayLike<number>, uniform: number, temperature = 1): DrawnExactly {
  const tempered = Array.from(logits, (logit) => logit / temperature);
  const max = Math.max(...tempered);
  const weights = tempered.map((logit) => Math.exp(logit - max));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let [below, id] = [0, 0];
  for (; id < weights.length - 1; id++) {
    const above = below + (weights[id] as number) / total;
    if (uniform < above) break;
    below = above;
  }
  const p = (weights[id] as number) / total;
  const above = id === weights.length - 1 ? 1 : below + p - uniform;
  const margin = Math.min(id === 0 ? 1 : uniform - below, above);
  const entropy = weights.reduce((sum, w) => (w > 0 ? sum - (w / total) * Math.log(w / total) : sum), 0);
  return { id, margin, logProb: Math.log(p), entropy };
}

/** Logits of both branches as guidance makes one of them: `u + s·(c − u)`. */
export function guidedLogits(
  conditional: ArrayLike<number>,
  unconditional: ArrayLike<number> | undefined,
  { guidance }: SamplingOptions,
): number[] {
  return Array.from(conditional, (logit, v) => {
    const base = unconditional?.[v];
    return base !== undefined && isGuided(guidance) ? base + guidance.scale * (logit - base) : logit;
  });
}

/** What was sampled, and with which random numbers. */
export interface SampledRows<Context> {
  /** `[N]`. */
  readonly contexts: readonly Context[];
  readonly space: string;
  readonly completion: TokenBatch;
  /** Without truncation. */
  readonly sampling: SamplingOptions;
  readonly streams: (row: number) => UniformStream;
}

/**
 * The sampling margin of every token, from teacher-forced logits on the present backend.
 * @returns `[N · T]`; 0 on padding
 */
export async function samplingMargins<Context>(
  policy: Policy<Context>,
  { contexts, space, completion, sampling, streams }: SampledRows<Context>,
): Promise<Float64Array> {
  const { size } = tokenSpaceOf(policy, space);
  const { rows, width, lengths } = completion;
  const branches = isGuided(sampling.guidance)
    ? [contexts, unconditionalContexts(policy, contexts, sampling.guidance)]
    : [contexts];
  const [conditional, unconditional] = await readAll(
    branches.map((branch) => policy.logits(branch, completion, space)),
  );
  const margins = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const stream = streams(row);
    for (let t = 0; t < (lengths[row] as number); t++) {
      const at = (row * width + t) * size;
      const of = (logits: ArrayLike<number>) => Array.prototype.slice.call(logits, at, at + size) as number[];
      const mixed = guidedLogits(of(conditional as number[]), unconditional && of(unconditional), sampling);
      margins[row * width + t] = drawExactly(mixed, stream(), sampling.temperature).margin;
    }
  }
  return margins;
}

/** How two backends' tokens compare. */
export interface TokenAgreement {
  /** Rows whose tokens are all the same. */
  readonly same: number;
  /** Of the rows that differ, the largest sampling margin where they first do; 0 if none does. */
  readonly margin: number;
}

/**
 * Where the tokens of two backends part for the first time, and how near that decision was.
 * @param margins `[N · T]` of the expected tokens
 */
export function compareTokens(
  got: TokenBatch,
  expected: TokenBatch,
  margins: ArrayLike<number>,
): TokenAgreement {
  let [same, margin] = [0, 0];
  for (let row = 0; row < expected.rows; row++) {
    const length = expected.lengths[row] as number;
    let t = 0;
    while (t < length && got.ids[row * got.width + t] === expected.ids[row * expected.width + t]) t++;
    if (t === length && got.lengths[row] === length) same++;
    else margin = Math.max(margin, t < length ? (margins[row * expected.width + t] as number) : 1);
  }
  return { same, margin };
}
