import { assertKnownOptions, assertNumber, POSITIVE_INTEGER } from '../../options.js';
import { type EvaluateOptions, evaluate } from '../../train/evaluate.js';
import type { Logger } from '../../train/logger.js';
import { retriesOf, type WritingOptions } from './patience.js';
import { type KeptPicture, pictureFile } from './picture-file.js';
import { pictureRecord, textOfPrompt } from './picture-record.js';

/** What is drawn again and again, and how often. */
export interface TrackedPicturesOptions<P, C>
  extends WritingOptions,
    Pick<
      EvaluateOptions<P, C>,
      'prompts' | 'rollout' | 'reward' | 'seed' | 'batch' | 'samplesPerPrompt' | 'signal'
    > {
  /** After the first step that it is told of, if there are no tracked pictures yet, and after the steps 0, `every`, 2 · `every`, … Default 50. */
  readonly every?: number;
  /** Pictures of each prompt. Default 1. */
  readonly samplesPerPrompt?: number;
  /** A prompt as text. Default: a string as it is, of a row its `prompt`, of anything else its JSON. */
  readonly promptText?: (prompt: P) => string;
}

/**
 * Draws the same prompts with the same random numbers through training, so that what differs between two of the pictures is what
 * was learnt. Kept as by `pictureLogger`, in the same files. It samples and asks the rewards between two steps (`evaluate`),
 * and changes nothing about the training.
 * @param folder the run's, e.g. `runs/1`
 * @throws BicotError `value` for options that make no sense. While logging: `file` with the path, the cause and what to do;
 *   and as `evaluate` does
 */
export function trackedPictures<P, C>(
  folder: string,
  options: TrackedPicturesOptions<P, C>,
): Logger<unknown, unknown> {
  const what = 'trackedPictures';
  const { every = 50, promptText = textOfPrompt, retries, ...evaluated } = options;
  assertKnownOptions(what, options, [
    ...['every', 'promptText', 'retries', 'prompts', 'rollout', 'reward', 'seed', 'batch'],
    ...['samplesPerPrompt', 'signal'],
  ]);
  assertNumber(what, 'every', every, POSITIVE_INTEGER);
  const file = pictureFile(folder, ['tracked'], retriesOf(what, { retries }));
  return ({ metrics: { step } }) =>
    file.add(step, async (first) => {
      if (!first && step % every !== 0) return [];
      const { samples } = await evaluate<P, C>({ samplesPerPrompt: 1, ...evaluated });
      return samples.flatMap((scored): KeptPicture[] => {
        const { sample, promptIndex } = scored;
        if (!sample.image) return [];
        const place = { step, kind: 'tracked', of: promptIndex } as const;
        return [{ record: pictureRecord(scored, place, promptText), image: sample.image }];
      });
    });
}
