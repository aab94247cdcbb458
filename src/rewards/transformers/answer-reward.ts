import { isBicotError } from '../../errors.js';
import { abstain, failure, type RewardFunction, type RewardResult, type Sample, score } from '../reward.js';
import { attributeScore } from '../rules.js';
import { throwIfAborted } from './abort.js';
import type { Loaded } from './lazy-model.js';
import { judgePictures } from './samples.js';
import { type YesNoModel, type YesNoModelOptions, yesNoModel } from './yes-no-model.js';

/** A reward that owns a model. */
export type AnswerReward<Prompt> = RewardFunction<Prompt> & Loaded;

/** A model that is there already, or how to load one; `dtype` and the others are of the model that is loaded. */
export interface AnswerModelOptions extends Omit<YesNoModelOptions, 'model'> {
  /** A name or folder as in `ModelSource`, or what `yesNoModel` made, for several rewards to share. */
  readonly model: YesNoModelOptions['model'] | YesNoModel;
}

const isModel = (model: AnswerModelOptions['model']): model is YesNoModel =>
  typeof (model as Partial<YesNoModel> | undefined)?.probabilities === 'function';

/**
 * The model of a reward.
 * @returns with a `dispose` that leaves alone what the caller made
 * @throws BicotError `value` for a wrong option
 */
export function modelOf({ model, ...source }: AnswerModelOptions): YesNoModel {
  if (!isModel(model)) return yesNoModel({ model, ...source });
  return { probabilities: model.probabilities.bind(model), dispose: async () => {} };
}

/** Errors of one sample. What is wrong with the model, its files or a call would be wrong for every sample. */
const concernsAll = (error: unknown): boolean => isBicotError(error) && error.code !== 'non-finite';

async function ask<Prompt>(
  model: YesNoModel,
  sample: Sample<Prompt> & Required<Pick<Sample, 'image'>>,
  questions: readonly string[],
  signal: AbortSignal | undefined,
): Promise<RewardResult> {
  let answers: readonly number[];
  try {
    answers = await model.probabilities(sample.image, questions, signal);
  } catch (error) {
    if (concernsAll(error)) throw error;
    return failure(`the model could not answer: ${error instanceof Error ? error.message : String(error)}`);
  }
  return score(attributeScore(answers));
}

/**
 * A reward that is the mean probability of yes over some questions about each sample.
 * @param questionsOf what to ask; an abstention where the reward does not apply
 * @returns a reward whose `dispose` frees the model if it was loaded for it
 */
export function answerReward<Prompt>(
  where: string,
  model: YesNoModel,
  questionsOf: (row: Prompt) => readonly string[] | RewardResult,
): AnswerReward<Prompt> {
  const reward: RewardFunction<Prompt> = (samples, call) =>
    judgePictures(samples, async (pictured) => {
      const results: RewardResult[] = [];
      for (const sample of pictured) {
        throwIfAborted(where, call?.signal);
        const questions = questionsOf(sample.prompt);
        if (!Array.isArray(questions)) results.push(questions as RewardResult);
        else if (questions.length === 0) results.push(abstain('there is nothing to ask about the row'));
        else results.push(await ask(model, sample, questions, call?.signal));
      }
      return results;
    });
  return Object.assign(reward, { dispose: () => model.dispose() });
}
