import type { RewardResult } from '../../rewards/reward.js';
import type { Noise, Opinions } from './subject.js';

/** A member's largest difference between two evaluations. */
export interface Gap {
  readonly member: string;
  /** Of scores. */
  readonly gap: number;
  /** Root of the mean squared difference of scores. */
  readonly typical: number;
  /** What the gap may be. */
  readonly allowed: number;
  /** Samples that were a score in one evaluation and an abstention or a failure in the other. */
  readonly changed: number;
}

/** Which sample of one evaluation is which of another. */
export type Pairs = readonly (readonly [first: number, other: number])[];

/**
 * Compares two evaluations member by member.
 * @param tolerance allowed gap over the member's largest score
 * @param noise added to what is allowed, three times: what two identical calls differ by
 */
export function gapsOf(
  first: Opinions,
  other: Opinions,
  pairs: Pairs,
  tolerance: number,
  noise: ReadonlyMap<string, Noise> = new Map(),
): Gap[] {
  return Object.entries(first).map(([member, results]) => {
    let [gap, changed, squares, compared] = [0, 0, 0, 0];
    for (const [i, j] of pairs) {
      const [a, b] = [results[i], other[member]?.[j]];
      if (a?.kind !== b?.kind) {
        changed++;
      } else if (a?.kind === 'score') {
        const difference = Math.abs(scoreOf(a) - scoreOf(b));
        gap = Math.max(gap, difference);
        squares += difference * difference;
        compared++;
      }
    }
    const largest = results.reduce((most, result) => Math.max(most, Math.abs(scoreOf(result))), 0);
    return {
      ...{ member, gap, changed },
      typical: compared > 0 ? Math.sqrt(squares / compared) : 0,
      allowed: tolerance * largest + 3 * (noise.get(member)?.worst ?? 0),
    };
  });
}

/** The gap that is furthest beyond what is allowed, if any is. */
export function worstOf(gaps: readonly Gap[], countChanged = true): Gap | undefined {
  return gaps
    .filter(({ gap, allowed, changed }) => gap > allowed || (countChanged && changed > 0))
    .sort((a, b) => b.gap - b.allowed - (a.gap - a.allowed))[0];
}

/** A gap in words. */
export function describeGap({ member, gap, allowed, changed }: Gap): string {
  const parts = [
    ...(gap > allowed ? [`scores differ by up to ${short(gap)} (allowed ${short(allowed)})`] : []),
    ...(changed > 0 ? [`${changed} results change between score, abstention and failure`] : []),
  ];
  return `${named(member)}${parts.join('; ')}`;
}

/** A number to read. */
export const short = (value: number): string => String(Number(value.toPrecision(3)));

/** A member's name before what is said of it; a plain function has none worth saying. */
export const named = (member: string): string => (member === 'reward' ? '' : `"${member}": `);

const scoreOf = (result: RewardResult | undefined): number => (result?.kind === 'score' ? result.value : 0);
