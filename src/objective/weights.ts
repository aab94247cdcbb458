import { BicotError } from '../errors.js';

/**
 * How the per-token losses of one level become a number. `token-mean`: over all tokens of the batch, so that long
 * samples count more (TRL's bnpo and dapo, T2I-R1). `sequence-mean`: over the tokens of each sample, then over the
 * samples (GRPO). `maxLength` L: the sum over N·L, a constant (Dr. GRPO).
 */
export type Normalizer = 'token-mean' | 'sequence-mean' | { readonly maxLength: number };

/** The tokens of one level, for `tokenWeights`. */
export interface LevelTokens {
  /** `[N]`: valid tokens of each row. */
  readonly lengths: Int32Array;
  /** T: the padded length. */
  readonly width: number;
  /** How much the level counts. Default 1. */
  readonly weight?: number;
  readonly normalizer: Normalizer;
}

/** Options of `tokenWeights`. */
export interface TokenWeightOptions {
  /** One token mean over all levels together (T2I-R1): every token counts the same, whichever level it is of. Default false. */
  readonly joint?: boolean;
}

/**
 * The weight of every token in the loss, so that `loss = Σ_levels Σ_it w_it · l_it` with padding at exactly 0:
 *
 *     token-mean      w_it = weight / Σ_j len_j
 *     sequence-mean   w_it = weight / (N · len_i)
 *     {maxLength: L}  w_it = weight / (N · L)
 *     joint           w_it = weight / Σ_levels Σ_j len_j
 *
 * Normalising is thus done once for the whole batch; micro-batches take slices of the weights and their gradients
 * add up to the batch's exactly. A level's weight multiplies its own terms only and never the divisor, so that
 * turning one level down leaves the others as they were; a weight of 0 gives zeros. An empty row adds nothing but
 * counts in N (as in TRL).
 * @returns per level `[N · T]`, row-major
 * @throws BicotError `shape` (a length outside `[0, T]`), `value` (a weight or maxLength that makes no sense, or `joint` with a normaliser other than `token-mean`)
 */
export function tokenWeights(
  levels: readonly LevelTokens[],
  options: TokenWeightOptions = {},
): Float32Array[] {
  levels.forEach(checkLevel);
  const counts = levels.map(({ lengths }) => lengths.reduce((sum, length) => sum + length, 0));
  if (!options.joint) {
    return levels.map((level, i) => fillWeights(level, divisors(level, counts[i] as number)));
  }
  if (levels.some(({ normalizer }) => normalizer !== 'token-mean')) {
    throw new BicotError(
      'value',
      "tokenWeights: joint is one token mean over all levels, so every level's normalizer must be 'token-mean'. Change the normalizers, or set joint to false.",
    );
  }
  const tokens = counts.reduce((sum, count) => sum + count, 0);
  return levels.map((level) => fillWeights(level, () => tokens));
}

/** What the tokens of a row of this length are divided by. */
function divisors({ lengths, normalizer }: LevelTokens, tokens: number): (length: number) => number {
  if (normalizer === 'token-mean') return () => tokens;
  if (normalizer === 'sequence-mean') return (length) => lengths.length * length;
  return () => lengths.length * normalizer.maxLength;
}

function fillWeights(level: LevelTokens, divisor: (length: number) => number): Float32Array {
  const { lengths, width, weight = 1 } = level;
  const weights = new Float32Array(lengths.length * width);
  lengths.forEach((length, row) => {
    // An empty range for an empty row, whose divisor may be 0.
    weights.fill(weight / divisor(length), row * width, row * width + length);
  });
  return weights;
}

function checkLevel({ lengths, width, weight = 1, normalizer }: LevelTokens, index: number): void {
  const longest = lengths.reduce((max, length) => Math.max(max, length), 0);
  const shortest = lengths.reduce((min, length) => Math.min(min, length), 0);
  if (longest > width || shortest < 0) {
    throw new BicotError(
      'shape',
      `tokenWeights: level ${index} has lengths from ${shortest} to ${longest}, but they must lie in [0, ${width}], the width. Pass the lengths of the same token batch.`,
    );
  }
  checkWeight(`tokenWeights: level ${index}`, weight);
  checkNormalizer(`tokenWeights: level ${index}`, normalizer);
}

/**
 * Throws unless a level's weight is a finite number, not negative.
 * @throws BicotError `value`
 */
export function checkWeight(what: string, weight: number): void {
  if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
    throw new BicotError('value', `${what}: weight is ${weight}, but must be finite and not negative.`);
  }
}

/**
 * Throws unless a normaliser is one of the three kinds.
 * @throws BicotError `value`
 */
export function checkNormalizer(what: string, normalizer: Normalizer): void {
  const known =
    normalizer === 'token-mean' ||
    normalizer === 'sequence-mean' ||
    (typeof normalizer === 'object' && normalizer.maxLength > 0 && Number.isFinite(normalizer.maxLength));
  if (!known) {
    throw new BicotError(
      'value',
      `${what}: normalizer is ${JSON.stringify(normalizer)}; use 'token-mean', 'sequence-mean' or { maxLength } with a positive number.`,
    );
  }
}
