import { BicotError } from '../../errors.js';

/** What is needed of a tokenizer of transformers.js to find words in its vocabulary. */
export interface WordTokenizer {
  encode(text: string, options: { readonly add_special_tokens: boolean }): readonly number[];
  decode(ids: readonly number[]): string;
}

/** The tokens that begin an answer: ids without repetition, at least one each. */
export interface AnswerTokens {
  /** Ids of "Yes", "yes", " Yes" and " yes", as far as each is one token. */
  readonly yes: readonly number[];
  /** Ids of "No", "no", " No" and " no", as far as each is one token. */
  readonly no: readonly number[];
}

const waysToWrite = (word: string): readonly string[] => {
  const capital = `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
  return [capital, word, ` ${capital}`, ` ${word}`];
};

function wordTokens(where: string, tokenizer: WordTokenizer, word: string): readonly number[] {
  const written = waysToWrite(word);
  const ids = written.flatMap((text) => {
    const [id, ...more] = tokenizer.encode(text, { add_special_tokens: false });
    // A tokenizer that knows no such word gives one token, too: the unknown one.
    const known = id !== undefined && more.length === 0 && same(tokenizer.decode([id]), word);
    return known ? [id] : [];
  });
  if (ids.length === 0) {
    throw new BicotError(
      'unsupported',
      `${where}: the tokenizer has no single token for ${written.map((text) => `"${text}"`).join(', ')}, so that the ` +
        'first token of an answer does not decide between yes and no. Choose another model.',
    );
  }
  return [...new Set(ids)];
}

const same = (text: string, word: string): boolean => text.trim().toLowerCase() === word;

/**
 * Looks up "Yes", "yes", " Yes" and " yes", and the same of no. What a tokenizer splits is left out, and what it writes with
 * one and the same token counts once.
 * @throws BicotError `unsupported` if a word is no single token in any way of writing it
 */
export function answerTokens(where: string, tokenizer: WordTokenizer): AnswerTokens {
  return { yes: wordTokens(where, tokenizer, 'yes'), no: wordTokens(where, tokenizer, 'no') };
}

/** log Σ exp, without overflow. */
function logSumExp(logits: ArrayLike<number>, ids: readonly number[]): number {
  const values = ids.map((id) => logits[id] ?? Number.NaN);
  const top = Math.max(...values);
  if (!Number.isFinite(top)) return top;
  return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/**
 * P(yes) / (P(yes) + P(no)) over the raw logits of an answer's first token, each word in all its ways of writing:
 * σ(log Σ exp ℓ_yes − log Σ exp ℓ_no). No temperature, no truncation, nothing drawn.
 * @param logits of the whole vocabulary, `[V]`
 * @returns in [0, 1]
 * @throws BicotError `non-finite` where the logits are not numbers or exclude both words
 */
export function yesNoProbability(logits: ArrayLike<number>, { yes, no }: AnswerTokens): number {
  const margin = logSumExp(logits, yes) - logSumExp(logits, no);
  if (Number.isNaN(margin)) {
    throw new BicotError(
      'non-finite',
      'yes/no: the logits of yes and no are not finite. Try another dtype: half precision overflows in some models.',
    );
  }
  return 1 / (1 + Math.exp(-margin));
}
