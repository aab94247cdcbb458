import { assertKnownOptions } from '../../options.js';
import { abstain, type RewardFunction, type RewardResult } from '../reward.js';
import { answerReward } from './answer-reward.js';
import type { YesNoModel } from './yes-no-model.js';

/** The columns of a prompt row that `questionReward` reads by itself; a `PromptRow` has them. */
export interface QuestionRow {
  /** Rows of `spatial` and `numeracy` are abstained on: they are for a detector. */
  readonly task_type?: string;
  /** Asked about one by one, where there are no `attr_nouns`. */
  readonly nouns?: readonly string[];
  /** Nouns with their attributes, "purple elephant", asked about one by one. */
  readonly attr_nouns?: readonly string[];
}

/** Options of `questionReward`. */
export interface QuestionRewardOptions<Row = QuestionRow> {
  /** What answers. The reward does not dispose it: several may share one. */
  readonly model: YesNoModel;
  /** What to ask about a row's picture, such that yes is good; none for an abstention. Default: `nounQuestions`, and abstentions as said there. */
  readonly questions?: (row: Row) => readonly string[];
}

const DETECTED_TASKS = ['spatial', 'numeracy'];

const withArticle = (noun: string): string => `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`;

/**
 * One question for each of a row's `attr_nouns` ("purple elephant"), or of its `nouns` if it has none: "Is there a purple
 * elephant in the image? Answer yes or no."
 */
export function nounQuestions({ attr_nouns, nouns }: QuestionRow): readonly string[] {
  const things = attr_nouns?.length ? attr_nouns : (nouns ?? []);
  return things.map((thing) => `Is there ${withArticle(thing.trim())} in the image? Answer yes or no.`);
}

function askAboutNouns(row: QuestionRow): readonly string[] | RewardResult {
  if (DETECTED_TASKS.includes(row.task_type ?? '')) {
    return abstain(`rows of the task ${row.task_type} are for a detector`);
  }
  const questions = nounQuestions(row);
  return questions.length > 0 ? questions : abstain('the row names no objects');
}

/**
 * The mean probability, by a vision-language model, that each thing a row names is in the picture: what T2I-R1 (arXiv
 * 2505.00703) asks of GIT, a question-answering model that transformers.js does not have.
 *
 * Abstains for rows of the tasks `spatial` and `numeracy`, which the paper scores with the constant 0, and for rows without
 * nouns, which it scores with 1; neither constant changes what is learned within a group, but both move means. Samples
 * without a picture abstain. An error of the model on one sample is a failure of that sample.
 * @returns the reward, in [0, 1], which owns nothing
 * @throws BicotError `value` for options; its calls throw `aborted`, and what the model throws about more than one sample
 */
export function questionReward<Row = QuestionRow>(options: QuestionRewardOptions<Row>): RewardFunction<Row> {
  const where = 'questionReward';
  assertKnownOptions(where, options, ['model', 'questions']);
  const { model, questions } = options;
  return answerReward(where, model, questions ?? ((row) => askAboutNouns(row as QuestionRow)));
}
