import { nanMoments, rowsOfGroup } from '../../objective/statistics.js';
import { assertKnownOptions, assertNumber, POSITIVE_INTEGER } from '../../options.js';
import type { RewardResult } from '../../rewards/reward.js';
import type { Logger } from '../../train/logger.js';
import type { TrainStep } from '../../train/step.js';
import { retriesOf, type WritingOptions } from './patience.js';
import { type KeptPicture, pictureFile } from './picture-file.js';
import { type PictureKind, pictureRecord, textOfPrompt } from './picture-record.js';

/** Which pictures of a step are kept, and how often. */
export interface PictureLoggerOptions<P> extends WritingOptions {
  /** Of the steps 0, `every`, 2 · `every`, … Default 50. */
  readonly every?: number;
  /** Best groups, and as many worst ones. Default 1. */
  readonly groups?: number;
  /** A prompt as text. Default: a string as it is, of a row its `prompt`, of anything else its JSON. */
  readonly promptText?: (prompt: P) => string;
}

/**
 * Keeps the pictures of the best and the worst group of a step, by the mean of their totals, as PNG files in `pictures/`, and with
 * plans and scores in `pictures.jsonl` (docs/metrics.md). Lines and pictures of steps that are made again are dropped, as by
 * `metricsLogger`. A step without pictures adds nothing.
 * @param folder the run's, e.g. `runs/1`
 * @throws BicotError `value` for options that make no sense. While logging: `file` with the path, the cause and what to do
 */
export function pictureLogger<P = unknown, C = unknown>(
  folder: string,
  options: PictureLoggerOptions<P> = {},
): Logger<P, C> {
  const what = 'pictureLogger';
  assertKnownOptions(what, options, ['every', 'groups', 'promptText', 'retries']);
  const { every = 50, groups = 1, promptText = textOfPrompt } = options;
  assertNumber(what, 'every', every, POSITIVE_INTEGER);
  assertNumber(what, 'groups', groups, POSITIVE_INTEGER);
  const file = pictureFile(folder, ['best', 'worst'], retriesOf(what, options));
  return (made) => {
    const { step } = made.metrics;
    return file.add(step, async () => {
      if (step % every !== 0) return [];
      const { best, worst } = extremeGroups(made, groups);
      return [
        ...best.flatMap((group) => picturesOf(made, group, 'best', promptText)),
        ...worst.flatMap((group) => picturesOf(made, group, 'worst', promptText)),
      ];
    });
  };
}

/**
 * The groups of a step with the highest and the lowest mean total, the most extreme first. No group is among both; groups
 * without a total are among neither.
 * @param count at most so many of each
 */
export function extremeGroups(
  { rollout: { groupSize }, rewards: { total } }: Pick<TrainStep, 'rollout' | 'rewards'>,
  count: number,
): { best: number[]; worst: number[] } {
  const means = Array.from({ length: total.length / groupSize }, (_, group) => ({
    group,
    mean: nanMoments(total, group * groupSize, (group + 1) * groupSize).mean,
  })).filter(({ mean }) => !Number.isNaN(mean));
  const sorted = means.sort((a, b) => b.mean - a.mean).map(({ group }) => group);
  const best = sorted.slice(0, count);
  return { best, worst: sorted.slice(best.length).slice(-count).reverse() };
}

function picturesOf<P, C>(
  { metrics: { step }, rollout, rewards }: TrainStep<P, C>,
  group: number,
  kind: PictureKind,
  promptText: (prompt: P) => string,
): KeptPicture[] {
  const { groupSize, samples } = rollout;
  const rows = rowsOfGroup(group, groupSize);
  return rows.flatMap((row) => {
    const sample = samples[row];
    if (!sample?.image) return [];
    const results = Object.fromEntries(
      Object.entries(rewards.results).map(([name, ofMember]) => [name, ofMember[row] as RewardResult]),
    );
    const scored = { sample, total: rewards.total[row] as number, results };
    return [{ record: pictureRecord(scored, { step, kind, of: group }, promptText), image: sample.image }];
  });
}
