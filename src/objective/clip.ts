import { BicotError } from '../errors.js';

/**
 * How far the policy may move from the one that sampled before a token stops pulling: the ratio is clipped to
 * `[1 − low, 1 + high]` (PPO; a larger `high` is DAPO's clip-higher).
 */
export interface ClipRange {
  /** ε below 1. */
  readonly low: number;
  /** ε above 1. */
  readonly high: number;
  /**
   * Caps the ratio of the unclipped term, which nothing else bounds when the advantage is negative (TRL's `delta`,
   * INTELLECT-2's two-sided clip; dual clip). Above 0, and usually above `1 + high`: with a lower one, tokens of
   * positive advantage stop pulling at `delta` already, and those of negative advantage at `1 + high`.
   */
  readonly delta?: number;
}

/**
 * Throws unless a clip range makes sense.
 * @throws BicotError `value`
 */
export function checkClipRange(what: string, clip: ClipRange | null): void {
  if (clip === null) return;
  const { low, high, delta = 1 } = clip;
  if (!(low >= 0 && low <= 1 && high >= 0 && delta > 0)) {
    throw new BicotError(
      'value',
      `${what}: clip is ${JSON.stringify(clip)}, but needs 0 ≤ low ≤ 1, high ≥ 0 and delta > 0; the usual one is { low: 0.2, high: 0.2 }, and null means no clip.`,
    );
  }
}
