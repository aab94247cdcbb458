import { BicotError } from '../errors.js';
import { assertKnownOptions } from '../options.js';
import { assertLength } from '../tensor/shape.js';

/**
 * How the per-token losses of one level become a number. `token-mean`: over all tokens of the batch, so that long
 * samples count more (bnpo, DAPO, T2I-R1). `sequence-mean`: over the tokens of each sample, then over the samples
 * (GRPO). `sequence-sum`: the sum over the tokens of each sample, then the mean over the samples. `max-length`: that
 * sum divided by the most tokens that a sample may have, a constant (Dr. GRPO); `maxLength` L: by L.
 */
export type Normalizer =
  | 'token-mean'
  | 'sequence-mean'
  | 'sequence-sum'
  | 'max-length'
  | {
      /** L, above 0. */
      readonly maxLength: number;
    };

/** The tokens of one level, for `tokenWeights`. */
export interface LevelTokens {
  /** `[N]`: valid tokens of each row, from its begin. */
  readonly lengths: Int32Array;
  /** T: the padded length. */
  readonly width: number;
  /** How much the level counts. Default 1. */
  readonly weight?: number;
  /** What a token's weight is divided by. */
  readonly normalizer: Normalizer;
  /** The most tokens that a row may have, for `max-length`. */
  readonly maxLength?: number;
  /** `[N · T]`: 1 where a token is valid, for tokens that do not stand side by side; `lengths` are then their counts. */
  readonly mask?: ArrayLike<number>;
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
 *     sequence-sum    w_it = weight / N
 *     max-length      w_it = weight / (N · L), with L the level's `maxLength`
 *     {maxLength: L}  w_it = weight / (N · L)
 *     joint           w_it = weight / Σ_levels Σ_j len_j
 *
 * Normalising is thus done once for the whole batch; micro-batches take slices of the weights and their gradients
 * add up to the batch's exactly. A level's weight multiplies its own terms only and never the divisor, so that
 * turning one level down leaves the others as they were; a weight of 0 gives zeros. An empty row adds nothing but
 * counts in N (as in TRL).
 * @returns per level `[N · T]`, row-major
 * @throws BicotError `shape` (a length outside `[0, T]`, or one that is not the mask's count), `value` (a weight or
 * maximal length that makes no sense or is missing, or `joint` with a normaliser other than `token-mean`)
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
function divisors(
  { lengths, normalizer, maxLength }: LevelTokens,
  tokens: number,
): (length: number) => number {
  const rows = lengths.length;
  if (typeof normalizer === 'object') return () => rows * normalizer.maxLength;
  switch (normalizer) {
    case 'token-mean':
      return () => tokens;
    case 'sequence-mean':
      return (length) => rows * length;
    case 'sequence-sum':
      return () => rows;
    case 'max-length':
      return () => rows * (maxLength as number);
  }
}

function fillWeights(level: LevelTokens, divisor: (length: number) => number): Float32Array {
  const { lengths, width, weight = 1, mask } = level;
  const weights = new Float32Array(lengths.length * width);
  lengths.forEach((length, row) => {
    const begin = row * width;
    // An empty row's divisor may be 0.
    if (length === 0) return;
    if (mask === undefined) {
      weights.fill(weight / divisor(length), begin, begin + length);
      return;
    }
    for (let i = begin; i < begin + width; i++) {
      if (mask[i]) weights[i] = weight / divisor(length);
    }
  });
  return weights;
}

function checkLevel(level: LevelTokens, index: number): void {
  const { lengths, width, weight = 1, normalizer, maxLength, mask } = level;
  const what = `tokenWeights: level ${index}`;
  if (!Number.isInteger(width) || !lengths.every(Number.isInteger)) {
    throw new BicotError(
      'shape',
      `${what} has width ${width} and lengths ${Array.from(lengths).join(', ')}, but they must be whole numbers.`,
    );
  }
  const longest = lengths.reduce((max, length) => Math.max(max, length), 0);
  const shortest = lengths.reduce((min, length) => Math.min(min, length), 0);
  if (longest > width || shortest < 0) {
    throw new BicotError(
      'shape',
      `${what} has lengths from ${shortest} to ${longest}, but they must lie in [0, ${width}], the width. Pass the lengths of the same token batch.`,
    );
  }
  if (mask) checkMask(what, mask, lengths, width);
  checkWeight(what, weight);
  checkNormalizer(what, normalizer);
  if (
    normalizer === 'max-length' &&
    !(typeof maxLength === 'number' && maxLength > 0 && Number.isFinite(maxLength))
  ) {
    throw new BicotError(
      'value',
      `${what} has the normalizer 'max-length' but maxLength is ${maxLength}; say how many tokens a row may have, or use { maxLength } as the normalizer.`,
    );
  }
}

function checkMask(what: string, mask: ArrayLike<number>, lengths: Int32Array, width: number): void {
  assertLength(`${what}: mask`, mask, lengths.length * width, 'N · T');
  lengths.forEach((length, row) => {
    let count = 0;
    for (let i = row * width; i < (row + 1) * width; i++) if (mask[i]) count++;
    if (count === length) return;
    throw new BicotError(
      'shape',
      `${what}: row ${row} has length ${length} but ${count} tokens in its mask; with a mask, lengths are its counts.`,
    );
  });
}

/**
 * Throws unless a level's weight is a finite number, not negative.
 * @throws BicotError `value`
 */
export function checkWeight(what: string, weight: number): void {
  if (!(typeof weight === 'number' && weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
    throw new BicotError('value', `${what}: weight is ${weight}, but must be finite and not negative.`);
  }
}

const NORMALIZERS: readonly unknown[] = ['token-mean', 'sequence-mean', 'sequence-sum', 'max-length'];

/**
 * Throws unless a normaliser is one of those that exist.
 * @throws BicotError `value`
 */
export function checkNormalizer(what: string, normalizer: Normalizer): void {
  if (typeof normalizer === 'object' && normalizer !== null) {
    assertKnownOptions(`${what}: normalizer`, normalizer, ['maxLength']);
    if (normalizer.maxLength > 0 && Number.isFinite(normalizer.maxLength)) return;
  } else if (NORMALIZERS.includes(normalizer)) {
    return;
  }
  throw new BicotError(
    'value',
    `${what}: normalizer is ${JSON.stringify(normalizer)}; use ${NORMALIZERS.map((name) => `'${name}'`).join(', ')} or { maxLength } with a positive number.`,
  );
}
