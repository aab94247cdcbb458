import type { PromptRow } from '../../../data/prompts.js';
import { BicotError } from '../../../errors.js';
import { selectBackend } from '../../backend.js';
import type { RunDefinition, RunParts } from '../../run/definition.js';
import { textOfPrompt } from '../../run/picture-record.js';

/** What a run works with, every part there. */
export interface StartedRun extends RunParts<unknown, unknown> {
  readonly promptText: (prompt: unknown) => string;
  readonly promptOf: (text: string) => unknown;
  /** The type of a prompt; absent if they have none. */
  readonly typeOf?: (prompt: unknown) => string;
  /** What was chosen, in words. */
  readonly backend: string;
}

/**
 * Starts the backend and makes what the run works with. The caller disposes `policy`, if it can be.
 * @throws BicotError `value` for a setup that leaves something out, and what it throws itself
 */
export async function startRun({ backend, setup }: RunDefinition): Promise<StartedRun> {
  const { description } = await selectBackend(backend);
  const parts = (await setup()) as Partial<RunParts<unknown, unknown>> | undefined;
  const missing = (['policy', 'rollout', 'reward', 'prompts'] as const).filter((name) => !parts?.[name]);
  if (!parts || missing.length > 0) {
    throw new BicotError(
      'value',
      `setup gives no ${missing.join(', no ')}; expected { policy, rollout, reward, prompts }.`,
    );
  }
  const whole = parts as RunParts<unknown, unknown>;
  return {
    ...whole,
    promptText: whole.promptText ?? textOfPrompt,
    promptOf: whole.promptOf ?? ((text) => promptLike(whole.prompts[0], text)),
    ...typesOf(whole),
    backend: description,
  };
}

function typesOf({ prompts, evaluation }: RunParts<unknown, unknown>): Pick<StartedRun, 'typeOf'> {
  if (evaluation?.by) return { typeOf: evaluation.by };
  const all = evaluation?.prompts ?? prompts;
  return all.every((prompt) => taskOf(prompt) !== undefined)
    ? { typeOf: (one) => taskOf(one) as string }
    : {};
}

function taskOf(prompt: unknown): string | undefined {
  const { task_type: type } = (typeof prompt === 'object' && prompt !== null ? prompt : {}) as {
    task_type?: unknown;
  };
  return typeof type === 'string' ? type : undefined;
}

function promptLike(example: unknown, text: string): unknown {
  if (typeof example === 'string') return text;
  if (typeof example === 'object' && example !== null && 'prompt' in example) {
    return { prompt: text, task_type: 'object', nouns: [] } satisfies PromptRow;
  }
  throw new BicotError(
    'value',
    'the run’s prompts are neither text nor rows with a prompt, so words can’t be made one of them. Give setup a promptOf.',
  );
}
