import { BicotError } from '../errors.js';
import type { RgbImage } from '../policy/policy.js';
import { tokenRow } from '../policy/tokens.js';
import type { Sample } from '../rewards/reward.js';
import { decodeImages, decodeTexts } from './level.js';
import type { RolloutRequest } from './request.js';
import type { LevelRollout, Rollout } from './types.js';

/** Puts the levels of each sample together: its tokens, its plan and its picture. */
export async function assembleRollout<Prompt, Context>(
  request: RolloutRequest<Prompt>,
  levels: readonly LevelRollout<Context>[],
): Promise<Rollout<Prompt, Context>> {
  const { prompts, groupSize } = request;
  const texts = levels.map((level) => decodeTexts(level));
  const images: (RgbImage[] | undefined)[] = [];
  for (const level of levels) images.push(checkedImages(level, await decodeImages(level)));

  const samples: Sample<Prompt>[] = [];
  for (let i = 0; i < prompts.length * groupSize; i++) {
    const group = Math.floor(i / groupSize);
    const tokens: Record<string, Int32Array> = {};
    let plan: string | undefined;
    let image: RgbImage | undefined;
    levels.forEach((level, l) => {
      const row = Math.floor(i / level.samplesPerRow);
      tokens[level.name] = tokenRow(level.completion, row);
      plan = texts[l]?.[row] ?? plan;
      image = images[l]?.[row] ?? image;
    });
    samples.push({
      prompt: prompts[group] as Prompt,
      group,
      index: i % groupSize,
      ...(plan !== undefined && { plan }),
      ...(image !== undefined && { image }),
      tokens,
    });
  }
  return { prompts, groupSize, levels, samples };
}

function checkedImages<Context>(
  level: LevelRollout<Context>,
  images: RgbImage[] | undefined,
): RgbImage[] | undefined {
  if (images !== undefined && images.length !== level.completion.rows) {
    throw new BicotError(
      'shape',
      `The decode function of space '${level.space}' returned ${images.length} images for ${level.completion.rows} rows. Return one image per row, in order.`,
    );
  }
  return images;
}
