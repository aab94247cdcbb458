import type { PromptRow } from 'bicot';
import { specOf } from './requirement.js';

/** The share of compositions that training never sees. */
export const HELD_OUT_SHARE = 0.13;

/**
 * The share of noun × colour compositions among them, smaller: every tinted patch is a codebook entry of its own, so
 * no policy can draw a tint whose tokens it never saw. These prompts show that limit; they are not where skill shows.
 */
export const HELD_OUT_TINTS = 0.05;

/** The largest number of one noun. */
export const MOST = 8;

/** FNV-1a with a final mix, to [0, 1): the same on every machine, so the split never moves. */
export function stableHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x45d9f3b);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/**
 * Whether training must not see two nouns together, in any order and any relation. By nouns, not by words: a
 * held-out pair stays unseen when a fact stands for one of them, so that no reasoning prompt gives it away.
 */
export function isPairHeldOut(a: string, b: string): boolean {
  return a !== b && stableHash(`pair ${[a, b].sort().join(' + ')}`) < HELD_OUT_SHARE;
}

/**
 * Whether training must not see that many of a noun. One and two are never held out: the stock pictures of the
 * corpus show two of any noun.
 */
export function isCountHeldOut(noun: string, count: number): boolean {
  return count > 2 && stableHash(`count ${count} ${noun}`) < HELD_OUT_SHARE;
}

/** Whether training must not see a noun in a colour. */
export function isColorHeldOut(noun: string, color: string): boolean {
  return stableHash(`color ${color} ${noun}`) < HELD_OUT_TINTS;
}

/** Whether training must not see two colours in one picture, whatever has them. */
export function isColorPairHeldOut(a: string, b: string): boolean {
  return a !== b && stableHash(`colors ${[a, b].sort().join(' + ')}`) < HELD_OUT_SHARE;
}

/** The held-out compositions of a list of kinds. */
export function heldOutOf(
  kinds: readonly { readonly noun: string; readonly color?: string; readonly count: number }[],
): string[] {
  const found: string[] = [];
  kinds.forEach(({ noun, color, count }, index) => {
    if (isCountHeldOut(noun, count)) found.push(`${count} ${noun}`);
    if (color !== undefined && isColorHeldOut(noun, color)) found.push(`${color} ${noun}`);
    for (const other of kinds.slice(index + 1)) {
      if (isPairHeldOut(noun, other.noun)) found.push(`${noun} + ${other.noun}`);
      if (color !== undefined && other.color !== undefined && isColorPairHeldOut(color, other.color)) {
        found.push(`${color} + ${other.color}`);
      }
    }
  });
  return found;
}

/**
 * Whether a row contains a held-out composition; such rows are for evaluation only.
 * @throws BicotError `prompt-row` if the world cannot draw it
 */
export function isHeldOut(row: PromptRow): boolean {
  return heldOutOf(specOf(row).wanted).length > 0;
}
