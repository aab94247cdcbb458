import { BicotError } from 'bicot';
import { FACTS } from './facts.js';
import { numberWord } from './forms.js';
import { MOST } from './holdout.js';
import { WORLD_LOCALITIES } from './localities.js';
import { COLORS, NOUNS } from './nouns.js';
import { CELLS } from './scene.js';

/** The tokens that are not words. */
export const SPECIALS = ['<pad>', '<bos>', '<end>', '<image>'] as const;
/** Fills up batches. */
export const PAD = 0;
/** Starts a sequence. */
export const BOS = 1;
/** Ends a plan. */
export const END = 2;
/** Starts a picture. */
export const IMAGE = 3;

const wordsOf = (texts: readonly string[]): string[] => texts.flatMap((text) => text.split(' '));

/** All words of prompts and plans, after the special tokens, in a stable order: a word's place is its token id. */
export const VOCABULARY: readonly string[] = [
  ...new Set([
    ...SPECIALS,
    ...CELLS,
    ...COLORS,
    ...Array.from({ length: MOST }, (_, i) => numberWord(i + 1)),
    ...wordsOf(NOUNS.map(({ noun }) => noun)),
    ...wordsOf(NOUNS.map(({ plural }) => plural)),
    ...wordsOf(['a photo of an and']),
    ...wordsOf(WORLD_LOCALITIES),
    ...wordsOf(FACTS.flatMap(({ phrases }) => phrases)),
  ]),
];

const IDS: ReadonlyMap<string, number> = new Map(VOCABULARY.map((word, id) => [word, id]));

/** Whether every word of a text has a token. */
export function isCovered(text: string): boolean {
  return text.split(' ').every((word) => IDS.has(word));
}

/**
 * Words to ids, no special tokens added.
 * @throws BicotError `value` for an unknown word
 */
export function encodeWords(text: string): Int32Array {
  return Int32Array.from(text.split(' '), (word) => {
    const id = IDS.get(word);
    if (id !== undefined) return id;
    throw new BicotError(
      'value',
      `"${text}": "${word}" is not in the vocabulary; expected lower-case words of this world's prompts and ` +
        'plans, with single blanks. Reword the text.',
    );
  });
}

/** Ids to words; special tokens are left out, ids without a word too. */
export function decodeWords(ids: ArrayLike<number>): string {
  return Array.from(ids)
    .filter((id) => id >= SPECIALS.length)
    .map((id) => VOCABULARY[id] ?? '')
    .filter((word) => word !== '')
    .join(' ');
}
