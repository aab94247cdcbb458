import { BicotError } from '../../errors.js';
import type { OnnxTensor, OnnxTensors } from './package.js';
import { disposeTensors } from './tensors.js';
import type { VisionLanguageParts, VisionLanguageProcessor } from './vision-language.js';

/** Token ids of a tensor `[1, T]`. */
export const idsOf = (tensor: unknown): number[] =>
  Array.from((tensor as OnnxTensor).data as ArrayLike<bigint | number>, Number);

/** Token ids of a text as it stands, with one token for the picture. */
export function tokenize({ tokenizer }: VisionLanguageProcessor, text: string): readonly number[] {
  const tokens: OnnxTensors = tokenizer([text]);
  const ids = idsOf(tokens.input_ids);
  disposeTensors(tokens);
  return ids;
}

/** A question in the form that a model was trained on. */
export interface ChatPrompt {
  readonly text: string;
  /** With one token for the picture. */
  readonly ids: readonly number[];
}

/**
 * Puts a question and the picture's place into the model's chat template. Some templates know a list of contents, some only
 * text, in which `<image>` stands for the picture.
 * @param template what to do instead
 * @throws BicotError `unsupported` if the picture is not in what comes out exactly once, or the question is not; `reward` if
 *   that is the question's fault
 */
export function chatPrompt(
  where: string,
  { processor, imageToken }: Pick<VisionLanguageParts, 'processor' | 'imageToken'>,
  question: string,
  template?: (question: string) => string,
): ChatPrompt {
  const contents = [[{ type: 'image' }, { type: 'text', text: question }], `<image>\n${question}`];
  const attempts = template
    ? [() => template(question)]
    : contents.map(
        (content) => () =>
          processor.apply_chat_template([{ role: 'user', content }], { add_generation_prompt: true }),
      );
  let wrong: unknown = 'the picture or the question is missing in it';
  for (const attempt of attempts) {
    try {
      const text = attempt();
      if (typeof text !== 'string' || !text.includes(question)) continue;
      const ids = tokenize(processor, text);
      if (ids.filter((id) => id === imageToken).length === 1) return { text, ids };
    } catch (error) {
      wrong = error instanceof Error ? error.message : error;
    }
  }
  if (tokenize(processor, question).includes(imageToken)) {
    throw new BicotError(
      'reward',
      `${where}: the question has the model's token for a picture in it ("${question.slice(0, 60)}"). Leave it out.`,
    );
  }
  throw new BicotError(
    'unsupported',
    `${where}: the ${template ? 'template' : "model's chat template"} gives no prompt with one picture and the question ` +
      `(${String(wrong)}). Pass \`template\`, a function that puts a question into the model's form, with its token for the picture.`,
  );
}

/**
 * What the token of a picture became when the processor saw the picture: the same for every question about it.
 * @param before with one token for the picture
 * @param after of the same text, by the processor
 * @returns nothing if more than that token changed
 */
export function expansionOf(
  before: readonly number[],
  after: readonly number[],
  imageToken: number,
): readonly number[] | undefined {
  const at = before.indexOf(imageToken);
  const behind = before.length - at - 1;
  const end = after.length - behind;
  const kept =
    end >= at &&
    before.slice(0, at).every((id, i) => after[i] === id) &&
    before.slice(at + 1).every((id, i) => after[end + i] === id);
  return kept ? after.slice(at, end) : undefined;
}

/** Puts the picture's tokens where one stood for them. */
export const expand = (
  ids: readonly number[],
  expansion: readonly number[],
  imageToken: number,
): readonly number[] => ids.flatMap((id) => (id === imageToken ? expansion : [id]));
