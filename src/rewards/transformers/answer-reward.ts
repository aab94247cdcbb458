import { BicotError, isBicotError, reasonOf } from '../../errors.js';
import {
  abstain,
  failure,
  type RewardCall,
  type RewardFunction,
  type RewardResult,
  score,
} from '../reward.js';
import { attributeScore } from '../rules.js';
import { throwIfAborted } from './abort.js';
import { judgePictures, type PicturedSample } from './samples.js';
import type { YesNoModel } from './yes-no-model.js';

/** Errors about one sample; others are about the model, and the same for every sample. */
const OF_ONE_SAMPLE = ['reward', 'non-finite'] as const;
const concernsAll = (error: unknown): boolean =>
  isBicotError(error) && !OF_ONE_SAMPLE.some((code) => isBicotError(error, code));

async function ask<Prompt>(
  model: YesNoModel,
  { image }: PicturedSample<Prompt>,
  questions: readonly string[],
  call: RewardCall | undefined,
): Promise<RewardResult> {
  let answers: readonly number[];
  try {
    answers = await model(image, questions, call);
  } catch (error) {
    if (concernsAll(error)) throw error;
    return failure(reasonOf(error));
  }
  if (answers.length !== questions.length) {
    throw new BicotError(
      'reward',
      `the model gave ${answers.length} answers to ${questions.length} questions; expected one for each, in order.`,
    );
  }
  return score(attributeScore(answers));
}

/**
 * A reward that is the mean probability of yes over some questions about each sample's picture. One sample after another; the signal
 * is obeyed between them.
 * @param where who asks, for messages
 * @param questionsOf what to ask about a row; an abstention where the reward does not apply
 * @throws BicotError `value` if the model is no function
 */
export function answerReward<Prompt>(
  where: string,
  model: YesNoModel,
  questionsOf: (row: Prompt) => readonly string[] | RewardResult,
): RewardFunction<Prompt> {
  if (typeof model !== 'function') {
    throw new BicotError(
      'value',
      `${where}: model is ${String(model)}, but must be a function. Make one with yesNoModel({ model }).`,
    );
  }
  return (samples, call) =>
    judgePictures(samples, async (pictured) => {
      const results: RewardResult[] = [];
      for (const sample of pictured) {
        throwIfAborted(where, call?.signal);
        const questions = questionsOf(sample.prompt);
        if (!Array.isArray(questions)) results.push(questions as RewardResult);
        else if (questions.length === 0) results.push(abstain('there is nothing to ask about the row'));
        else results.push(await ask(model, sample, questions, call));
      }
      return results;
    });
}
