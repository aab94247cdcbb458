import { BicotError, isBicotError, reasonOf } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import type { RgbImage } from '../../policy/policy.js';
import type { RewardCall } from '../reward.js';
import { throwIfAborted } from './abort.js';
import { chatPrompt } from './chat-prompt.js';
import { imageFault } from './image.js';
import { type Loaded, lazyModel } from './lazy-model.js';
import { assertModelSource, MODEL_SOURCE_OPTIONS, type ModelSource } from './model-source.js';
import { encodePicture, firstTokenLogits } from './picture-questions.js';
import { pictureQueue } from './picture-queue.js';
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

/**
 * Answers questions about a picture with the probability of yes. `yesNoModel` makes one of an ONNX model; any function of this
 * shape will do, such as one that asks a service.
 * @param image whose pixels it only reads
 * @param questions at least one
 * @param call its signal is aborted when nobody waits any more
 * @returns a probability in [0, 1] for each question, in order. A BicotError of code `reward` or `non-finite` and every error
 *   that is none is this picture's alone, other ones the whole call's
 */
export type YesNoModel = (
  image: RgbImage,
  questions: readonly string[],
  call?: RewardCall,
) => Promise<readonly number[]>;

const WHERE = 'yesNoModel';

/**
 * A vision-language model for yes/no questions, of the kinds SmolVLM/Idefics3, Qwen2-VL, Qwen2.5-VL and LLaVA. It loads with
 * the first question.
 *
 * An answer is P(yes) / (P(yes) + P(no)) over the raw logits of its first token (`yesNoProbability`), by one deterministic
 * forward pass. T2I-R1's judge draws that token at temperature 0.3, and scores 0 if it is another word.
 *
 * Calls wait for each other; those that overlap share what the vision encoder made of a picture, so that two rewards with
 * one model, called at once, encode each picture once.
 * @returns the model; who made it disposes it
 * @throws BicotError `value` for options. Its calls throw `unsupported` (no package, another kind of model, no chat template),
 *   `checkpoint` (a file is missing), `aborted`; `reward` where the model fails on a picture, `non-finite` where its logits are
 *   not finite
 */
export function yesNoModel(options: YesNoModelOptions): YesNoModel & Loaded {
  assertKnownOptions(WHERE, options, [...MODEL_SOURCE_OPTIONS, 'template']);
  assertModelSource(WHERE, options);
  const { template } = options;
  const lazy = lazyModel(
    WHERE,
    () => loadVisionLanguage(WHERE, options),
    ({ model }) => model.dispose(),
  );
  const queue = pictureQueue();

  const answer = async (
    parts: VisionLanguageParts,
    image: RgbImage,
    questions: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly number[]> => {
    const probabilities: number[] = [];
    for (const question of questions) {
      throwIfAborted(WHERE, signal);
      const prompt = chatPrompt(WHERE, parts, question, template);
      const logits = await ofOnePicture(async () => {
        const picture = await queue.picture(image, () => encodePicture(parts, image, prompt));
        return firstTokenLogits(parts, image, prompt, picture);
      });
      probabilities.push(yesNoProbability(logits, parts.answers));
    }
    return probabilities;
  };

  const ask: YesNoModel = async (image, questions, call) => {
    const fault = imageFault(image);
    if (fault !== undefined) throw new BicotError('reward', `${WHERE}: ${fault}.`);
    throwIfAborted(WHERE, call?.signal);
    return lazy.use((parts) => queue.next(() => answer(parts, image, questions, call?.signal)));
  };
  return Object.assign(ask, { dispose: lazy.dispose });
}

/** What the runtime throws about a picture becomes an error of that picture. */
async function ofOnePicture<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    if (isBicotError(cause)) throw cause;
    const reason = reasonOf(cause);
    throw new BicotError('reward', `${WHERE}: the model failed on a picture (${reason}).`, { cause });
  }
}
