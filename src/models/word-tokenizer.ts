import { BicotError } from '../errors.js';

/** Words to ids and back, over a closed vocabulary. */
export interface WordTokenizer {
  /** Number of ids, special tokens included. */
  readonly size: number;
  /** Special tokens come first: ids `[0, specials)`. */
  readonly specials: number;
  /** The id of a word or special token. @throws BicotError `value` for an unknown word */
  id(word: string): number;
  /** True if every word of the text is known. */
  knows(text: string): boolean;
  /** Ids of a text's words; lower-cased, split at white space, punctuation dropped. @throws BicotError `value` */
  encode(text: string): Int32Array;
  /** Words of the ids, special tokens dropped. */
  decode(ids: ArrayLike<number>): string;
}

const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(/[.,!?"]/g, ' ')
    .split(/\s+/)
    .filter((word) => word.length > 0);

/**
 * A tokenizer over a closed list of words.
 * @param specials special tokens, e.g. `['<pad>', '<bos>', '<end>', '<image>']`
 * @param words ordinary words, distinct
 * @throws BicotError `value` if an entry is repeated
 */
export function wordTokenizer(specials: readonly string[], words: readonly string[]): WordTokenizer {
  const entries = [...specials, ...words];
  const ids = new Map(entries.map((entry, id) => [entry, id]));
  if (ids.size !== entries.length) {
    const repeated = entries.find((entry, at) => entries.indexOf(entry) !== at);
    throw new BicotError(
      'value',
      `wordTokenizer: "${repeated}" is listed twice; every entry needs an id of its own.`,
    );
  }
  const id = (word: string): number => {
    const found = ids.get(word);
    if (found === undefined) {
      throw new BicotError(
        'value',
        `"${word}" is not in the vocabulary of ${entries.length} words. Rephrase the text, or check it with knows() first.`,
      );
    }
    return found;
  };
  return {
    size: entries.length,
    specials: specials.length,
    id,
    knows: (text) => wordsOf(text).every((word) => ids.has(word)),
    encode: (text) => Int32Array.from(wordsOf(text), id),
    decode: (sequence) =>
      Array.from(sequence)
        .filter((token) => token >= specials.length && token < entries.length)
        .map((token) => entries[token])
        .join(' '),
  };
}
