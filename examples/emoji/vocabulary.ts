import { type WordTokenizer, wordTokenizer } from 'bicot/models';
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

/** All words of prompts and plans, in a stable order. */
const WORDS: readonly string[] = [
  ...new Set([
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

/** A tokenizer of the demo's words and more. */
export const tokenizerWith = (texts: readonly string[]): WordTokenizer =>
  wordTokenizer(SPECIALS, [...new Set([...WORDS, ...wordsOf(texts.map((text) => text.toLowerCase()))])]);

/** Words of the demo's prompts and plans to token ids and back. */
export const TOKENIZER = tokenizerWith([]);
