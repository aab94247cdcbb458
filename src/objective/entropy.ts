import { BicotError } from '../errors.js';
import { assertNumber } from '../options.js';
import { assertLength } from '../tensor/shape.js';

/**
 * Throws unless a share of tokens lies in (0, 1].
 * @throws BicotError `value`
 */
export function checkEntropyShare(what: string, share: number): void {
  assertNumber(what, 'topEntropyShare', share, {
    words: 'above 0 and at most 1 (0.2 keeps the fifth of the tokens with the highest entropy, 1 keeps all)',
    test: (value) => value > 0 && value <= 1,
  });
}

/**
 * Which tokens' policy loss counts: the share ρ with the highest entropy, where the policy really decides something
 * (the "80/20 rule", arXiv 2506.01939; TRL's `top_entropy_quantile`):
 *
 *     keep_it = H_it ≥ quantile_{1 − ρ}(H of the valid tokens)          (linear interpolation, in float32)
 *
 * @param entropy `[N · T]` in nats
 * @param mask `[N · T]`: 1 where a token is valid
 * @param share ρ: in (0, 1]
 * @returns `[N · T]`, 1 where kept, 0 elsewhere and on padding
 * @throws BicotError `shape`, `value`
 */
export function topEntropyMask(
  entropy: ArrayLike<number>,
  mask: ArrayLike<number>,
  share: number,
): Float32Array {
  checkEntropyShare('topEntropyMask', share);
  assertLength('topEntropyMask: mask', mask, entropy.length, 'N · T');
  const valid: number[] = [];
  for (let i = 0; i < entropy.length; i++) {
    if (!mask[i]) continue;
    const value = Math.fround(entropy[i] as number);
    if (!Number.isFinite(value)) {
      throw new BicotError(
        'non-finite',
        `topEntropyMask: the entropy at position ${i} is ${entropy[i]}, but must be a finite number.`,
      );
    }
    valid.push(value);
  }
  const least = quantile(valid, 1 - share);
  return Float32Array.from(entropy, (value, i) => (mask[i] && value >= least ? 1 : 0));
}

/** With linear interpolation, as `torch.quantile`. NaN for no values. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = q * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return Math.fround(below + (above - below) * (place - Math.floor(place)));
}
