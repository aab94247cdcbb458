import { keptBytes } from '../policy/kept.js';
import { tokenBatch, tokenRow } from '../policy/tokens.js';
import { selectRows } from '../rollout/groups.js';
import type { LevelRollout } from '../rollout/types.js';

/** The largest `|a − b|` over a level's valid tokens. NaN shows as infinity. */
export function largestGap<C>(
  level: LevelRollout<C>,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  unsound?: Uint8Array,
): number {
  const { lengths, width } = level.completion;
  let largest = 0;
  lengths.forEach((length, row) => {
    for (let i = row * width; i < row * width + length; i++) {
      if (unsound?.[i] === 1) continue;
      const gap = Math.abs((a[i] as number) - (b[i] as number));
      largest = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : Math.max(largest, gap);
    }
  });
  return largest;
}

/** The mean of `a − b` over a level's valid tokens. */
export function meanGap<C>(level: LevelRollout<C>, a: ArrayLike<number>, b: ArrayLike<number>): number {
  const { lengths, width } = level.completion;
  let sum = 0;
  let tokens = 0;
  lengths.forEach((length, row) => {
    for (let i = row * width; i < row * width + length; i++) {
      sum += (a[i] as number) - (b[i] as number);
      tokens++;
    }
  });
  return tokens === 0 ? 0 : sum / tokens;
}

/** Some rows of a level as a level of their own, at the same width. */
export function pickRows<C>(level: LevelRollout<C>, rows: readonly number[]): LevelRollout<C> {
  return { ...selectRows(level, rows), samplesPerRow: 1 };
}

/** One row without its padding. */
export function unpaddedRow<C>(level: LevelRollout<C>, row: number): LevelRollout<C> {
  const one = pickRows(level, [row]);
  const length = one.completion.lengths[0] as number;
  const { kept } = one;
  return {
    ...one,
    completion: tokenBatch([tokenRow(one.completion, 0)]),
    behaviourLogProbs: one.behaviourLogProbs.slice(0, length),
    entropy: one.entropy.slice(0, length),
    ...(kept && {
      kept: { ...kept, bits: kept.bits.slice(0, length * keptBytes(kept.vocabulary)), width: length },
    }),
  };
}

/** Up to `count` rows with tokens: the shortest half (the most padding), and others spread evenly. */
export function typicalRows<C>({ completion }: LevelRollout<C>, count: number): number[] {
  const byLength = [...completion.lengths.keys()]
    .filter((row) => (completion.lengths[row] as number) > 0)
    .sort((a, b) => (completion.lengths[a] as number) - (completion.lengths[b] as number));
  if (byLength.length <= count) return byLength;
  const shortest = byLength.slice(0, Math.ceil(count / 2));
  const rest = byLength.slice(shortest.length);
  const more = count - shortest.length;
  return [
    ...shortest,
    ...Array.from({ length: more }, (_, i) => rest[Math.floor(((i + 1) * rest.length) / more) - 1] as number),
  ];
}
