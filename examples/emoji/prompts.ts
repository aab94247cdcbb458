import { type PromptRow, type UniformStream, uniformStream } from 'bicot';
import { FORMS, type Form, TASK_TYPES, type TaskType } from './forms.js';
import { isHeldOut } from './holdout.js';

/** Training sees only `train`; `heldout` prompts contain at least one composition that it never saw. */
export type Split = 'train' | 'heldout';

const belongs = (row: PromptRow, split: Split): boolean => isHeldOut(row) === (split === 'heldout');

/** Every prompt of a kind, in a stable order. */
export function enumeratePrompts(split: Split, task: TaskType): PromptRow[] {
  return FORMS.filter((form) => form.task === task).flatMap((form) =>
    Array.from({ length: form.size }, (_, index) => form.row(index)).filter((row) => belongs(row, split)),
  );
}

function drawForm(task: TaskType, stream: UniformStream): Form {
  const forms = FORMS.filter((form) => form.task === task);
  let left = stream() * forms.reduce((sum, { weight }) => sum + weight, 0);
  for (const form of forms) {
    left -= form.weight;
    if (left < 0) return form;
  }
  return forms[forms.length - 1] as Form;
}

/**
 * Draws one prompt: a wording by its weight, then uniformly among its prompts. Forms that are never held out
 * (a single noun) simply do not come up for `heldout`.
 */
export function drawPrompt(split: Split, task: TaskType, stream: UniformStream): PromptRow {
  for (;;) {
    const form = drawForm(task, stream);
    const row = form.row(Math.floor(stream() * form.size));
    if (belongs(row, split)) return row;
  }
}

/** Options of `samplePrompts`. */
export interface SampleOptions {
  /** The kinds to draw from, in turn. Default: all. */
  readonly tasks?: readonly TaskType[];
}

/** Draws prompts without repeats, as many of each kind as possible. */
export function samplePrompts(
  split: Split,
  count: number,
  seed: number,
  { tasks = TASK_TYPES }: SampleOptions = {},
): PromptRow[] {
  const stream = uniformStream('emoji', 'prompts', split, seed);
  const rows = new Map<string, PromptRow>();
  for (let i = 0; rows.size < count; i++) {
    const task = tasks[rows.size % tasks.length] as TaskType;
    const row = drawPrompt(split, task, stream);
    rows.set(row.prompt, row);
    if (i > 100 * count) break; // fewer prompts exist than were asked for
  }
  return [...rows.values()];
}
