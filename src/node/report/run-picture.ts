import { fieldsOf, numberOf, stepOf } from './run-step.js';

/** One picture of a run, as `pictures.jsonl` has it. */
export interface RunPicture {
  /** From 0. */
  readonly step: number;
  /** The same prompt through training, or of the best or the worst group of a step. */
  readonly kind: 'tracked' | 'best' | 'worst';
  /** In words. */
  readonly prompt: string;
  /** Which of the tracked prompts it is. */
  readonly promptIndex?: number;
  /** Of the best or the worst: which group of its step, from 0. */
  readonly group?: number;
  /** Which of its group. */
  readonly index: number;
  /** The text of the semantic level. */
  readonly plan?: string;
  /** The file, relative to the run's folder. */
  readonly image: string;
  /** NaN where there is none. */
  readonly total: number;
  /** By reward; null where it gave none. */
  readonly scores: Readonly<Record<string, number | null>>;
}

const KINDS = ['tracked', 'best', 'worst'] as const;

/**
 * Reads one record of `pictures.jsonl`.
 * @returns undefined for what is none, or of a kind that is not shown
 */
export function readRunPicture(record: unknown): RunPicture | undefined {
  const fields = fieldsOf(record);
  const step = stepOf(fields.step);
  const { image, plan } = fields;
  const kind = KINDS.find((known) => known === fields.kind);
  if (step === undefined || typeof image !== 'string' || kind === undefined) return undefined;
  const [promptIndex, group] = [stepOf(fields.promptIndex), stepOf(fields.group)];
  return {
    ...{ step, kind, image },
    prompt: typeof fields.prompt === 'string' ? fields.prompt : (JSON.stringify(fields.prompt) ?? ''),
    ...(promptIndex !== undefined && { promptIndex }),
    ...(group !== undefined && { group }),
    index: stepOf(fields.index) ?? 0,
    ...(typeof plan === 'string' && { plan }),
    total: numberOf(fields.total),
    scores: Object.fromEntries(
      Object.entries(fieldsOf(fields.scores)).map(([name, score]) => [
        name,
        typeof score === 'number' ? score : null,
      ]),
    ),
  };
}
