import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import type { PromptRow } from '../../../data/prompts.js';
import { BicotError } from '../../../errors.js';
import { type LlamaGenContext, loadLlamaGen } from '../../../models/llamagen/index.js';
import { oneLevelRollout } from '../../../rollout/one-level.js';
import type { ConfiguredModel } from './build.js';
import type { ModelConfig } from './schema.js';

/** A class to be drawn, and how rewards are told of it. */
export interface ClassRow extends PromptRow {
  /** `[0, classes)` */
  readonly label: number;
}

const row = v.object({
  label: v.pipe(v.number(), v.integer(), v.minValue(0)),
  prompt: v.pipe(v.string(), v.nonEmpty()),
  task_type: v.optional(v.string(), 'object'),
  nouns: v.optional(v.array(v.string())),
});

/**
 * LlamaGen of classes: one level, no plan.
 * @throws BicotError `value` for one of captions, whose text encoder bicot does not have; and as `loadLlamaGen`
 */
export async function llamaGenModel(
  config: ModelConfig<'llamagen'>,
): Promise<ConfiguredModel<ClassRow, LlamaGenContext>> {
  const { type: _, folder, guidance = 4, ...options } = config;
  const policy = await loadLlamaGen(folder, options);
  const { condition } = policy.config;
  if (condition.kind !== 'class') {
    policy.dispose();
    throw new BicotError(
      'value',
      `model.folder is ${folder}, which draws captions as a text encoder sees them, and bicot has no such encoder. Name one of classes, or make the features yourself in a configuration in TypeScript.`,
    );
  }
  return {
    policy,
    rollout: oneLevelRollout<ClassRow, LlamaGenContext>({
      policy,
      space: 'image',
      sampling: { guidance: { scale: guidance, logProbs: 'guided' } },
      context: ({ label }) => ({ label }),
    }),
    promptOf: (text) => {
      if (/^\d+$/.test(text) && Number(text) < condition.classes) return classRow(Number(text), text);
      throw new BicotError(
        'value',
        `the prompt is ${JSON.stringify(text)}; this model draws classes: expected a number from 0 to ${condition.classes - 1}.`,
      );
    },
  };
}

const classRow = (label: number, prompt: string): ClassRow => ({
  ...{ label, prompt, task_type: 'object', nouns: [prompt] },
});

/**
 * Reads classes: JSON Lines of `{ label, prompt }`, where the prompt is what rewards compare the picture with.
 * @throws BicotError `prompt-row` naming file and line, `value` if the file can't be read, `empty-prompts`
 */
export async function classRows(path: string): Promise<ClassRow[]> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new BicotError('value', `Cannot read the prompt file ${path} (${cause.message}).`, { cause });
  });
  const rows = text
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [readRow(line, `${path}:${i + 1}`)]));
  if (rows.length > 0) return rows;
  throw new BicotError(
    'empty-prompts',
    `${path} has no prompts; expected lines of { "label": 207, "prompt": "golden retriever" }.`,
  );
}

function readRow(line: string, where: string): ClassRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined;
  }
  const { success, output } = v.safeParse(row, value);
  if (success) return { ...output, nouns: output.nouns ?? [output.prompt] };
  throw new BicotError(
    'prompt-row',
    `${where}: the row is ${line.slice(0, 60)}; expected { "label": 207, "prompt": "golden retriever" }, the label a whole number, 0 or more. Mend it there.`,
  );
}
