import { BicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import type { RewardFunction } from '../reward.js';
import { answerReward } from './answer-reward.js';
import type { YesNoModel } from './yes-no-model.js';

/** Options of `judgeReward`. */
export interface JudgeRewardOptions<Row = unknown> {
  /** What judges. The reward does not dispose it: several may share one. */
  readonly model: YesNoModel;
  /** The question about a row's picture. Default: whether it represents the row's prompt (`judgeQuestion`). */
  readonly prompt?: (row: Row) => string;
}

/** The question of T2I-R1's judge: does the picture represent the prompt? */
export const judgeQuestion = (prompt: string): string =>
  `This image was generated from the prompt "${prompt}". Does the image accurately represent the prompt? Answer yes or no, without explanation.`;

function askAboutPrompt(row: unknown): string {
  const prompt = typeof row === 'string' ? row : (row as { readonly prompt?: unknown } | null)?.prompt;
  if (typeof prompt === 'string') return judgeQuestion(prompt);
  throw new BicotError(
    'prompt-row',
    `judgeReward: a row has no prompt (${JSON.stringify(row)?.slice(0, 60)}); expected a string or { prompt }. Pass \`prompt\`, a function from your rows to a question.`,
  );
}

/**
 * The probability, by a vision-language model, that a picture represents its whole prompt. T2I-R1 (arXiv 2505.00703) has ORM
 * for it, a model of 7 billion parameters that was trained to judge and is not published for ONNX; this asks a model that
 * was not.
 *
 * Samples without a picture abstain. An error of the model on one sample is a failure of that sample.
 * @returns the reward, in [0, 1], which owns nothing
 * @throws BicotError `value` for options; its calls throw `prompt-row` for a row without a prompt, `aborted`, and what the model
 *   throws about more than one sample
 */
export function judgeReward<Row = unknown>(options: JudgeRewardOptions<Row>): RewardFunction<Row> {
  const where = 'judgeReward';
  assertKnownOptions(where, options, ['model', 'prompt']);
  const { model, prompt = askAboutPrompt } = options;
  return answerReward(where, model, (row) => [prompt(row)]);
}
