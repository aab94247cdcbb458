import { BicotError } from '../../errors.js';
import { normalizeNoun } from '../detection.js';
import { toRawImage } from './image.js';
import { type DetectorFamily, sigmoid } from './loaded-detector.js';
import type { OnnxConfig, OnnxTensors, OnnxTokenizer } from './package.js';
import { disposeTensors, type Numbers, outputNumbers } from './tensors.js';
import { idsOf } from './tokens.js';

/** What Grounding DINO reads for some nouns. */
export interface Caption {
  readonly text: string;
  /** Its tokens, with those that mark begin and end. */
  readonly ids: readonly number[];
  /** The positions of each noun's tokens among the caption's, all of them however many words the noun has. */
  readonly columns: readonly (readonly number[])[];
}

/**
 * The caption of some nouns, `car . sports ball.`, and which of its tokens are whose. The package's tokenizers tell no
 * characters' places, so that the nouns are tokenized one by one, and what they add up to is compared with the caption's ids.
 * @throws BicotError `reward` if the two differ, or a noun has no token of its own
 */
export function captionOf(where: string, tokenizer: OnnxTokenizer, nouns: readonly string[]): Caption {
  const names = nouns.map(normalizeNoun);
  const text = `${names.join(' . ')}.`;
  const whole = idsOf(tokenizer, text, true);
  const dot = idsOf(tokenizer, '.', false);
  // Full stops and question marks part phrases, also within a noun, and say nothing about it.
  const partings = new Set([...dot, ...idsOf(tokenizer, '?', false)]);
  const expected: number[] = [whole[0] as number]; // [CLS]
  const columns = names.map((name) => {
    const own = idsOf(tokenizer, name, false);
    const begin = expected.length;
    expected.push(...own, ...dot);
    return own.flatMap((id, i) => (partings.has(id) ? [] : [begin + i]));
  });
  expected.push(whole.at(-1) as number); // [SEP]
  if (whole.length !== expected.length || whole.some((id, i) => id !== expected[i])) {
    throw new BicotError(
      'reward',
      `${where}: the caption "${text}" has other tokens than its nouns one by one, so that they can't be told apart. Use plain words.`,
    );
  }
  const empty = columns.findIndex((own) => own.length === 0);
  if (empty >= 0) {
    throw new BicotError(
      'reward',
      `${where}: the noun "${nouns[empty]}" has no word in it. Correct the row, or drop it.`,
    );
  }
  return { text, ids: whole, columns };
}

/** Grounding DINO: one caption for all nouns; a noun's confidence is the mean over all its tokens, as T2I-R1 reads it. */
export const groundingDino: DetectorFamily = {
  threshold: 0.3,
  async detect(where, { transformers, model, tokenizer, processor }, image, texts) {
    const { text, ids, columns } = captionOf(where, tokenizer, texts);
    assertFits(where, model.config, ids);
    let [words, pixels, outputs]: (OnnxTensors | undefined)[] = [];
    try {
      words = tokenizer([text], { padding: true, truncation: false }) as OnnxTensors;
      pixels = await processor([toRawImage(transformers, image)]);
      outputs = await model({ ...words, ...pixels });
      const logits = outputNumbers(where, outputs, 'logits', 3);
      return {
        boxes: outputNumbers(where, outputs, 'pred_boxes', 3),
        confidence: (box, noun) => meanProbability(logits, box, columns[noun] as readonly number[]),
      };
    } finally {
      disposeTensors(words, pixels, outputs);
    }
  },
};

function meanProbability({ data, dims }: Numbers, box: number, columns: readonly number[]): number {
  const begin = box * (dims[2] as number);
  const sum = columns.reduce((sum, column) => sum + sigmoid(data[begin + column] as number), 0);
  return sum / columns.length;
}

/** The model's own limit; what is beyond it has no column. */
function assertFits(where: string, { max_text_len = 256 }: OnnxConfig, ids: readonly number[]): void {
  if (ids.length <= max_text_len) return;
  throw new BicotError(
    'reward',
    `${where}: the caption of the nouns is ${ids.length} tokens long, but the model reads ${max_text_len}. Ask for fewer nouns at once.`,
  );
}
