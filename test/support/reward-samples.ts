import type { Sample } from '../../src/rewards/reward.js';
import { uniformInteger, uniformStream } from '../../src/tensor/noise.js';

/** A prompt row for tests. */
export interface SamplePrompt {
  readonly text: string;
  readonly nouns: string[];
}

/** `groups · groupSize` samples of one rollout, each with random tokens, a plan and a 4×4 picture of its own. */
export function rewardSamples(groups: number, groupSize: number): Sample<SamplePrompt>[] {
  const prompts = Array.from({ length: groups }, (_, group) => ({ text: `prompt ${group}`, nouns: ['dog'] }));
  return Array.from({ length: groups * groupSize }, (_, i) => {
    const stream = uniformStream('reward samples', i);
    const ids = (count: number, bound: number) =>
      Int32Array.from({ length: count }, () => uniformInteger(stream, bound));
    return {
      prompt: prompts[Math.floor(i / groupSize)] as SamplePrompt,
      group: Math.floor(i / groupSize),
      index: i % groupSize,
      plan: 'a '.repeat(1 + uniformInteger(stream, 9)),
      image: { width: 4, height: 4, data: Uint8Array.from(ids(48, 256)) },
      tokens: { semantic: ids(4, 7), token: ids(5, 9) },
    };
  });
}
