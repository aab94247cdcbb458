import { isTruncated, type SamplingOptions } from '../policy/distribution.js';
import { selectLargest } from './truncation.js';

/** Buffers of one vocabulary's size, reused for every token so that sampling allocates nothing. */
export interface LogitsScratch {
  /** Tempered, guided logits minus their maximum. */
  readonly logits: Float64Array;
  /** Unnormalised probabilities; 0 for dropped tokens. */
  readonly weights: Float64Array;
  /** Vocabulary indices; the first `keptCount` ones are kept. Filled only if the sampling truncates. */
  readonly order: Int32Array;
  /** How many tokens truncation kept. */
  keptCount: number;
  /** Sum of `weights`. */
  total: number;
}

/** One drawn token and what the distribution thought of it. */
export interface DrawnToken {
  id: number;
  /** Its log-prob under the distribution drawn from. */
  logProb: number;
  /** That distribution's entropy in nats. */
  entropy: number;
}

/** Makes the buffers for a vocabulary. */
export function logitsScratch(vocabulary: number): LogitsScratch {
  return {
    logits: new Float64Array(vocabulary),
    weights: new Float64Array(vocabulary),
    order: new Int32Array(vocabulary),
    keptCount: vocabulary,
    total: 0,
  };
}

/**
 * Turns one row of raw logits into the distribution to draw from: guidance, then temperature, then top-k, then
 * top-p of what top-k left (the order of Hugging Face's samplers), in float64.
 * @param conditional logits of many rows, of which `[offset, offset + V)` is read
 * @param unconditional same layout, for guidance
 * @returns false if a logit is not finite (the scratch then means nothing)
 */
export function fillDistribution(
  scratch: LogitsScratch,
  conditional: Float32Array,
  unconditional: Float32Array | undefined,
  offset: number,
  sampling: SamplingOptions,
): boolean {
  const { logits, weights } = scratch;
  const vocabulary = logits.length;
  const { temperature = 1, topK = 0, topP = 1, guidance } = sampling;
  const scale = guidance?.scale ?? 1;
  let max = Number.NEGATIVE_INFINITY;
  let finite = true;
  for (let v = 0; v < vocabulary; v++) {
    let logit = conditional[offset + v] as number;
    if (unconditional !== undefined) {
      // ℓ = u + s·(c − u)
      const base = unconditional[offset + v] as number;
      logit = base + scale * (logit - base);
    }
    logit /= temperature;
    // x − x is NaN for infinities and NaN.
    finite = finite && logit - logit === 0;
    logits[v] = logit;
    if (logit > max) max = logit;
  }
  if (!finite) return false;

  let total = 0;
  for (let v = 0; v < vocabulary; v++) {
    const shifted = (logits[v] as number) - max;
    logits[v] = shifted;
    const weight = Math.exp(shifted);
    weights[v] = weight;
    total += weight;
  }
  scratch.total = total;
  scratch.keptCount = vocabulary;
  if (isTruncated(sampling, vocabulary)) truncate(scratch, topK, topP);
  return true;
}

/** Drops what top-k and top-p drop, and sums the rest again. */
function truncate(scratch: LogitsScratch, topK: number, topP: number): void {
  const { logits, weights, order } = scratch;
  const vocabulary = logits.length;
  for (let v = 0; v < vocabulary; v++) order[v] = v;
  let count = vocabulary;
  if (topK > 0 && topK < vocabulary) count = selectLargest(order, vocabulary, logits, undefined, topK);
  if (topP < 1) {
    let total = 0;
    for (let i = 0; i < count; i++) total += weights[order[i] as number] as number;
    count = selectLargest(order, count, logits, weights, topP * total);
  }
  for (let i = count; i < vocabulary; i++) weights[order[i] as number] = 0;
  // Summed in vocabulary order, as the draw walks it.
  let total = 0;
  for (let v = 0; v < vocabulary; v++) total += weights[v] as number;
  scratch.keptCount = count;
  scratch.total = total;
}

/**
 * Draws by inverse CDF: the first token, in vocabulary order, at which the cumulative probability exceeds the
 * uniform number.
 * @param uniform in `[0, 1)`
 * @param into receives the result, so that nothing is allocated
 */
export function drawToken(scratch: LogitsScratch, uniform: number, into: DrawnToken): void {
  const { logits, weights, total } = scratch;
  const target = uniform * total;
  let cumulative = 0;
  let id = -1;
  let energy = 0;
  for (let v = 0; v < weights.length; v++) {
    const weight = weights[v] as number;
    if (weight === 0) continue;
    energy += weight * (logits[v] as number);
    if (cumulative <= target) id = v;
    cumulative += weight;
  }
  const logTotal = Math.log(total);
  into.id = id;
  into.logProb = (logits[id] as number) - logTotal;
  // H = −Σ p·log p = log Z − Σ w·ℓ / Z
  into.entropy = logTotal - energy / total;
}

/** Sets the bits of the kept tokens in a zeroed byte range. */
export function writeKept(scratch: LogitsScratch, bits: Uint8Array, offset: number): void {
  for (let i = 0; i < scratch.keptCount; i++) {
    const v = scratch.order[i] as number;
    const at = offset + (v >> 3);
    bits[at] = (bits[at] as number) | (1 << (v & 7));
  }
}
