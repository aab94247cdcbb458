import type { PromptRow } from 'bicot';
import type { WordTokenizer } from 'bicot/models';
import { FORMS, type Form, TASK_TYPES, type TaskType } from './forms.js';
import { isHeldOut } from './holdout.js';
import { NOISE, type NoiseRates } from './noise.js';
import { TOKENIZER } from './vocabulary.js';

/** What is asked for, what of it is kept for evaluations, and how the corpus errs. */
export interface World {
  /** The kinds of prompts, in the order in which they take turns. */
  readonly tasks: readonly TaskType[];
  /** The wordings that prompts are drawn from, of every task in `tasks`. */
  readonly forms: readonly Form[];
  /** Kept for evaluations: no reinforcement learning sees it. */
  readonly isHeldOut: (row: PromptRow) => boolean;
  /** How often a picture of the corpus is not what its caption says. */
  readonly noise: NoiseRates;
  /** Share of the corpus whose pictures come without a plan, so that a model can draw from the prompt alone. */
  readonly planless: number;
  /** Knows every word of its prompts and plans. */
  readonly tokenizer: WordTokenizer;
}

/** The demo's world. */
export const DEMO_WORLD: World = {
  tasks: TASK_TYPES,
  forms: FORMS,
  isHeldOut,
  noise: NOISE,
  planless: 0,
  tokenizer: TOKENIZER,
};
