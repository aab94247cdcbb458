import { Tokenizer } from '@huggingface/tokenizers';
import { BicotError, firstLineOf } from '../../errors.js';

/** Tokens with a meaning of their own, by their ids. */
export interface JanusTokenIds {
  /** Begins every sequence. */
  readonly begin: number;
  /** Ends a plan. */
  readonly end: number;
  /** Stands for every prompt token in the unconditional branch of guidance. */
  readonly pad: number;
  /** Comes before the image tokens. */
  readonly beginImage: number;
}

/** Text to ids and back. */
export interface JanusTokenizer {
  /** Those with a meaning of their own. */
  readonly tokens: JanusTokenIds;
  /** Ids that the tokenizer knows are below; the model's vocabulary may be larger. */
  readonly size: number;
  /** Ids of a text, without begin-of-sentence; special tokens written in the text become their ids. */
  encode(text: string): Int32Array;
  /** The text of ids, special tokens and ids that the tokenizer does not know dropped. */
  decode(ids: ArrayLike<number>): string;
  /** Whether the tokenizer has a token of this very spelling. */
  has(token: string): boolean;
}

/** How Janus's tokens are spelled: full-width bars and underscores of their own. */
export const JANUS_TOKENS: Readonly<Record<keyof JanusTokenIds, string>> = {
  begin: '<｜begin▁of▁sentence｜>',
  end: '<｜end▁of▁sentence｜>',
  pad: '<｜▁pad▁｜>',
  beginImage: '<begin_of_image>',
};

/** Other tokens that are not part of a text. */
const SILENT = ['<end_of_image>', '<image_placeholder>', '<patch_placeholder>'];

/**
 * Reads `tokenizer.json`. Special tokens are looked up by their spelling, because ids differ between Janus and Janus-Pro.
 * @param json parsed `tokenizer.json`
 * @param config parsed `tokenizer_config.json`, if there is one
 * @param source what error messages call it
 * @throws BicotError `checkpoint` if it can't be read or lacks one of Janus's tokens
 */
export function janusTokenizer(
  json: unknown,
  config: unknown = {},
  source = 'tokenizer.json',
): JanusTokenizer {
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(json as object, config as object);
  } catch (cause) {
    throw new BicotError(
      'checkpoint',
      `${source} can't be read (${firstLineOf(cause)}). Use the tokenizer.json of the checkpoint itself.`,
      { cause },
    );
  }
  const idOf = (token: string): number => {
    const id = tokenizer.token_to_id(token);
    if (id !== undefined) return id;
    throw new BicotError(
      'checkpoint',
      `${source} has no token ${token}, so it is not a tokenizer of Janus. Use the tokenizer.json of the checkpoint itself.`,
    );
  };
  const tokens = Object.fromEntries(
    Object.entries(JANUS_TOKENS).map(([name, token]) => [name, idOf(token)]),
  ) as unknown as JanusTokenIds;
  const silent = new Set<number>([
    ...Object.values(tokens as unknown as Record<string, number>),
    ...SILENT.flatMap((token) => tokenizer.token_to_id(token) ?? []),
  ]);
  const size = [...tokenizer.get_vocab().values()].reduce((most, id) => Math.max(most, id + 1), 0);
  return {
    tokens,
    size,
    // Whether tokenizer.json adds begin-of-sentence differs between files; callers add it themselves.
    encode: (text) => Int32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids),
    decode(ids) {
      const told = Array.from(ids).filter((id) => id < size && !silent.has(id));
      if (told.length === 0) return '';
      return tokenizer.decode(told, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
    },
    has: (token) => tokenizer.token_to_id(token) !== undefined,
  };
}
