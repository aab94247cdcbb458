import { BicotError } from '../../errors.js';
import type { OnnxTensor, OnnxTensors, OnnxTokenizer } from './package.js';

/**
 * The ids of one text, as numbers.
 * @param special whether the tokens that mark begin and end are added
 */
export function idsOf(tokenizer: OnnxTokenizer, text: string, special: boolean): readonly number[] {
  const options = { add_special_tokens: special, return_tensor: false, truncation: false };
  const { input_ids } = tokenizer(text, options) as { readonly input_ids: readonly (number | bigint)[] };
  return Array.from(input_ids, Number);
}

/** Ids that a tokenizer has no number for stand for nothing; a model would read them as another token. */
function assertIds(where: string, ids: readonly number[], text: string): void {
  if (ids.every((id) => Number.isSafeInteger(id) && id >= 0)) return;
  throw new BicotError(
    'reward',
    `${where}: the tokenizer has no id for a part of "${text}". Use its own words, or a tokenizer with an unk_token.`,
  );
}

/**
 * Texts as a model takes them, those that are too long cut before their last token, which marks the end. The package's own
 * truncation drops it: CLIP and SigLIP would then read their summary of the text from some token in its middle.
 * @param padding `true`: up to the longest; `max_length`: up to what the model takes
 * @returns `input_ids` `[texts, L]` and what else the tokenizer gives; the caller disposes them
 * @throws BicotError `reward` for a text with a part that the tokenizer has no id for
 */
export function tokenize(
  where: string,
  tokenizer: OnnxTokenizer,
  texts: readonly string[],
  padding: true | 'max_length',
): OnnxTensors {
  const whole = texts.map((text) => idsOf(tokenizer, text, true));
  whole.forEach((ids, i) => {
    assertIds(where, ids, texts[i] as string);
  });
  const tensors = tokenizer([...texts], { padding, truncation: true }) as OnnxTensors;
  const { data, dims } = tensors.input_ids as OnnxTensor;
  const width = dims[1] as number;
  whole.forEach((ids, row) => {
    if (ids.length > width) (data as BigInt64Array)[(row + 1) * width - 1] = BigInt(ids.at(-1) as number);
  });
  return tensors;
}
