import type { RewardResult, Sample } from '../../rewards/reward.js';

/** Why a picture was kept: the same prompt through training, or the best and the worst group of a step. */
export type PictureKind = 'tracked' | 'best' | 'worst';

/** One line of `pictures.jsonl`. */
export interface PictureRecord {
  /** Of training, from 0. */
  readonly step: number;
  /** A prompt through training, or a sample of the step's best or worst group. */
  readonly kind: PictureKind;
  /** As text. */
  readonly prompt: string;
  /** Of a tracked picture: which of the tracked prompts it is, from 0. */
  readonly promptIndex?: number;
  /** Of a picture of a step: its group, from 0. */
  readonly group?: number;
  /** Its place among the samples of its prompt, from 0. */
  readonly index: number;
  /** The text of the semantic level, if there is one. */
  readonly plan?: string;
  /** The PNG file, relative to the folder of `pictures.jsonl`, with slashes. */
  readonly image: string;
  /** The weighted total; null if it could not be scored. */
  readonly total: number | null;
  /** By reward, trained or watched; null where it abstained or failed. */
  readonly scores: Readonly<Record<string, number | null>>;
}

/** The folder of the pictures, beside `pictures.jsonl`. */
export const PICTURES = 'pictures';

/** A prompt as text: a string as it is, of a row its `prompt`, of anything else its JSON. */
export function textOfPrompt(prompt: unknown): string {
  if (typeof prompt === 'string') return prompt;
  if (typeof prompt === 'object' && prompt !== null && 'prompt' in prompt) {
    if (typeof prompt.prompt === 'string') return prompt.prompt;
  }
  return JSON.stringify(prompt) ?? String(prompt);
}

/** What was sampled and said about it. */
export interface ScoredSample<P> {
  readonly sample: Sample<P>;
  /** NaN if it could not be scored. */
  readonly total: number;
  readonly results: Readonly<Record<string, RewardResult>>;
}

/** Where a record belongs. */
export interface PicturePlace {
  readonly step: number;
  readonly kind: PictureKind;
  /** The tracked prompt or the group. */
  readonly of: number;
}

/** The record of a scored sample, without its picture's bytes. */
export function pictureRecord<P>(
  { sample, total, results }: ScoredSample<P>,
  { step, kind, of }: PicturePlace,
  promptText: (prompt: P) => string,
): PictureRecord {
  const { index, plan, prompt } = sample;
  return {
    ...{ step, kind, prompt: promptText(prompt) },
    ...(kind === 'tracked' ? { promptIndex: of } : { group: of }),
    index,
    ...(plan !== undefined && { plan }),
    image: `${PICTURES}/step-${String(step).padStart(6, '0')}-${kind}-${of}-${index}.png`,
    total: Number.isFinite(total) ? total : null,
    scores: Object.fromEntries(
      Object.entries(results).map(([name, result]) => [name, result.kind === 'score' ? result.value : null]),
    ),
  };
}
