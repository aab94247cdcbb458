import { BicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import type { RgbImage } from '../../policy/policy.js';
import { throwIfAborted } from './abort.js';
import { chatPrompt } from './chat-prompt.js';
import { imageFault } from './image.js';
import { type Loaded, lazyModel } from './lazy-model.js';
import { assertModelSource, MODEL_SOURCE_OPTIONS, type ModelSource } from './model-source.js';
import { type EncodedPicture, encodePicture, firstTokenLogits } from './picture-questions.js';
import { loadVisionLanguage, type VisionLanguageParts } from './vision-language.js';
import { yesNoProbability } from './yes-no.js';

/** Which vision-language model to ask, and how. */
export interface YesNoModelOptions extends ModelSource {
  /**
   * Puts a question into the form that the model was trained on, with its token for the picture. Default: the chat template
   * in the model's files.
   */
  readonly template?: (question: string) => string;
}

/** A vision-language model that answers questions about pictures with the probability of yes. */
export interface YesNoModel extends Loaded {
  /**
   * Asks about one picture. Calls wait for each other; those that overlap share what the vision encoder made of a picture.
   * @returns for each question P(yes) / (P(yes) + P(no)), see `yesNoProbability`
   * @throws BicotError `value` for a malformed picture or after `dispose`; `aborted`; `non-finite` for a question that the model
   *   has no finite logits for; and whatever loading throws
   */
  probabilities(
    image: RgbImage,
    questions: readonly string[],
    signal?: AbortSignal,
  ): Promise<readonly number[]>;
}

/** Names of the options of `yesNoModel`, for `assertKnownOptions`. */
export const YES_NO_MODEL_OPTIONS: readonly string[] = [...MODEL_SOURCE_OPTIONS, 'template'];

/** So many pictures stay encoded while calls overlap. */
const REMEMBERED = 4;

/** One call at a time, and pictures that several of the waiting calls ask about. */
function pictureQueue(): {
  next<Result>(task: () => Promise<Result>): Promise<Result>;
  picture(image: RgbImage, encode: () => Promise<EncodedPicture>): Promise<EncodedPicture>;
} {
  const encoded = new Map<RgbImage, EncodedPicture>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const forget = (keep: number): void => {
    for (const [image, picture] of encoded) {
      if (encoded.size <= keep) return;
      encoded.delete(image);
      picture.dispose();
    }
  };
  return {
    next(task) {
      waiting++;
      const run = last.then(task).finally(() => {
        // Nobody else waits: a picture may change before it is shown again.
        if (--waiting === 0) forget(0);
      });
      last = run.catch(() => {});
      return run;
    },
    async picture(image, encode) {
      const known = encoded.get(image);
      if (known) return known;
      forget(REMEMBERED - 1);
      const picture = await encode();
      encoded.set(image, picture);
      return picture;
    },
  };
}

/**
 * A vision-language model for yes/no questions, of the kinds SmolVLM/Idefics3, Qwen2-VL, Qwen2.5-VL and LLaVA. It is loaded
 * with the first question.
 *
 * Each answer is one deterministic forward pass: the raw logits of the first token of the answer, over all ways to write yes and
 * no that are one token. T2I-R1's judge draws that token at temperature 0.3 and scores 0 for any other word.
 * @returns the caller disposes it
 * @throws BicotError `value` for a wrong option
 */
export function yesNoModel(options: YesNoModelOptions): YesNoModel {
  const where = 'yesNoModel';
  assertKnownOptions(where, options, YES_NO_MODEL_OPTIONS);
  assertModelSource(where, options);
  const lazy = lazyModel(
    where,
    () => loadVisionLanguage(where, options),
    ({ model }) => model.dispose(),
  );
  const queue = pictureQueue();

  const answer = async (
    parts: VisionLanguageParts,
    image: RgbImage,
    questions: readonly string[],
    signal?: AbortSignal,
  ): Promise<readonly number[]> => {
    const prompts = questions.map((question) => chatPrompt(where, parts, question, options.template));
    const probabilities: number[] = [];
    for (const prompt of prompts) {
      throwIfAborted(where, signal);
      const picture = await queue.picture(image, () => encodePicture(parts, image, prompt));
      probabilities.push(
        yesNoProbability(await firstTokenLogits(parts, image, prompt, picture), parts.answers),
      );
    }
    return probabilities;
  };

  return {
    async probabilities(image, questions, signal) {
      throwIfAborted(where, signal);
      const fault = imageFault(image);
      if (fault !== undefined) throw new BicotError('value', `${where}: ${fault}.`);
      return lazy.use((parts) => queue.next(() => answer(parts, image, questions, signal)));
    },
    dispose: lazy.dispose,
  };
}
