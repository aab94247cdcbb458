import { type PromptRow, type UniformStream, uniformStream } from 'bicot';
import type { Form, TaskType } from './forms.js';
import { DEMO_WORLD, type World } from './world.js';

/** Training sees only `train`; `heldout` prompts contain at least one composition that it never saw. */
export type Split = 'train' | 'heldout';

const belongs = (row: PromptRow, split: Split, world: World): boolean =>
  world.isHeldOut(row) === (split === 'heldout');

/** Every prompt of a kind, in a stable order. */
export function enumeratePrompts(split: Split, task: TaskType, world = DEMO_WORLD): PromptRow[] {
  return world.forms
    .filter((form) => form.task === task)
    .flatMap((form) =>
      Array.from({ length: form.size }, (_, index) => form.row(index)).filter((row) =>
        belongs(row, split, world),
      ),
    );
}

function drawForm(task: TaskType, stream: UniformStream, world: World): Form {
  const forms = world.forms.filter((form) => form.task === task);
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
export function drawPrompt(
  split: Split,
  task: TaskType,
  stream: UniformStream,
  world: World = DEMO_WORLD,
): PromptRow {
  return drawRow(task, stream, world, (row) => belongs(row, split, world));
}

/** As `drawPrompt`, of the rows that a test accepts. */
export function drawRow(
  task: TaskType,
  stream: UniformStream,
  world: World,
  accept: (row: PromptRow) => boolean,
): PromptRow {
  for (;;) {
    const form = drawForm(task, stream, world);
    const row = form.row(Math.floor(stream() * form.size));
    if (accept(row)) return row;
  }
}

/** Options of `samplePrompts`. */
export interface SampleOptions {
  /** The kinds to draw from, in turn. Default: all. */
  readonly tasks?: readonly TaskType[];
  /** Whose prompts. Default: the demo's. */
  readonly world?: World;
}

/** Draws prompts without repeats, as many of each kind as possible. */
export function samplePrompts(
  split: Split,
  count: number,
  seed: number,
  { world = DEMO_WORLD, tasks = world.tasks }: SampleOptions = {},
): PromptRow[] {
  const stream = uniformStream('emoji', 'prompts', split, seed);
  const rows = new Map<string, PromptRow>();
  for (let i = 0; rows.size < count; i++) {
    const task = tasks[rows.size % tasks.length] as TaskType;
    const row = drawPrompt(split, task, stream, world);
    rows.set(row.prompt, row);
    if (i > 100 * count) break; // fewer prompts exist than were asked for
  }
  return [...rows.values()];
}
