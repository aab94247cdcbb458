import { isBicotError, type PromptRow } from 'bicot';
import { MOST } from './holdout.js';
import { isDrawable, nounNamed } from './nouns.js';
import { PLAN_TOKENS } from './plan.js';
import { type Requirement, specOf } from './requirement.js';
import { CELLS } from './scene.js';
import { TOKENIZER } from './vocabulary.js';

/** T2I-R1's data forms some plurals by adding an s; the vocabulary has the English ones. */
const PLURALS: Readonly<Record<string, string>> = {
  sheeps: 'sheep',
  scissorses: 'scissors',
  couchs: 'couches',
  sandwichs: 'sandwiches',
  toothbrushs: 'toothbrushes',
};

/** The rows that this world can draw, and why the others were left out. */
export interface DrawableRows {
  /** With prompts and nouns in the vocabulary's spelling. Held-out compositions are among them: see `isHeldOut`. */
  readonly kept: PromptRow[];
  /** Most frequent first. */
  readonly leftOut: { readonly reason: string; readonly count: number }[];
}

/** Filters foreign rows (T2I-R1's own prompt file) down to what this world can draw and its vocabulary can say. */
export function keepDrawable(rows: readonly PromptRow[]): DrawableRows {
  const kept: PromptRow[] = [];
  const reasons = new Map<string, number>();
  for (const row of rows) {
    const respelt = respell(row);
    const reason = whyNot(respelt);
    if (reason === undefined) kept.push(respelt);
    else reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const leftOut = [...reasons].map(([reason, count]) => ({ reason, count }));
  return { kept, leftOut: leftOut.sort((a, b) => b.count - a.count) };
}

/** Lower case, no punctuation, one blank between words, English plurals. */
function respell(row: PromptRow): PromptRow {
  const words = row.prompt
    .toLowerCase()
    .replace(/[.,!?]/g, ' ')
    .trim()
    .split(/\s+/);
  return { ...row, prompt: words.map((word) => PLURALS[word] ?? word).join(' ') };
}

const KNOWN_TASKS = new Set(['object', 'spatial', 'numeracy', 'color', 'reasoning']);

function whyNot(row: PromptRow): string | undefined {
  if (!KNOWN_TASKS.has(row.task_type)) return `task type ${row.task_type}`;
  if (row.nouns.length === 0 || row.nouns.some((noun) => nounNamed(noun) === undefined)) {
    return 'a noun without a sprite';
  }
  const requirement = requirementOf(row);
  if (requirement === undefined) return 'an attribute or a place that the world lacks';
  const { wanted } = requirement;
  if (wanted.some(({ noun, color }) => !isDrawable(noun, color)))
    return 'a colour that the noun does not come in';
  const nouns = wanted.map(({ noun }) => noun);
  if (new Set(nouns).size < nouns.length) return 'one noun asked for twice';
  if (nouns.length !== row.nouns.length || row.nouns.some((noun) => !nouns.includes(noun))) {
    return 'fields that disagree about the nouns';
  }
  if (wanted.some(({ count }) => count > MOST) || isTooLong(requirement)) return 'too many objects';
  return TOKENIZER.knows(row.prompt) ? undefined : 'a word that the vocabulary lacks';
}

function requirementOf(row: PromptRow): Requirement | undefined {
  try {
    return specOf(row);
  } catch (error) {
    if (isBicotError(error, 'prompt-row')) return undefined;
    throw error;
  }
}

/** Whether the plan of every scene that meets the requirement is too long, or the grid too small. */
function isTooLong({ wanted }: Requirement): boolean {
  const objects = wanted.reduce((sum, { count }) => sum + count, 0);
  const names = wanted.reduce((sum, { noun, color }) => sum + noun.split(' ').length + (color ? 1 : 0), 0);
  return objects >= CELLS.length || names + objects + 1 > PLAN_TOKENS;
}
