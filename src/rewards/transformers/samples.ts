import type { RgbImage } from '../../policy/policy.js';
import { abstain, failure, type RewardResult, type Sample } from '../reward.js';
import { imageFault } from './image.js';

/** A sample whose picture can be looked at. */
export interface PicturedSample<Prompt> extends Sample<Prompt> {
  readonly image: RgbImage;
}

/**
 * Scores the samples that have a picture. Those without one abstain, those with a malformed one fail.
 * @param judge results of the pictured samples, in order
 * @returns results of all samples, in order
 */
export async function judgePictures<Prompt>(
  samples: readonly Sample<Prompt>[],
  judge: (pictured: readonly PicturedSample<Prompt>[]) => Promise<readonly RewardResult[]>,
): Promise<readonly RewardResult[]> {
  const excluded = samples.map(({ image }) => {
    if (image === undefined) return abstain('the sample has no image');
    const fault = imageFault(image);
    return fault === undefined ? undefined : failure(fault);
  });
  const pictured = samples.filter((_, i) => excluded[i] === undefined) as readonly PicturedSample<Prompt>[];
  const results = pictured.length > 0 ? await judge(pictured) : [];
  let next = 0;
  return excluded.map((result) => result ?? (results[next++] as RewardResult));
}
