import { type PromptRow, type Sample, score } from 'bicot';
import { describe, expect, it } from 'vitest';
import { shuffledRewards } from './experiment.js';

/** Three groups of eight samples. */
const samples: Sample<PromptRow>[] = Array.from({ length: 24 }, (_, i) => ({
  prompt: { prompt: 'a photo of a dog', task_type: 'object', nouns: ['dog'] },
  group: Math.floor(i / 8),
  index: i % 8,
  tokens: {},
}));

describe('the control', () => {
  const original = async (batch: readonly Sample<PromptRow>[]) =>
    batch.map(({ group, index }) => score(group * 8 + index));
  const values = async (seed: number, calls = 1): Promise<number[]> => {
    const control = shuffledRewards(original, seed);
    let results = await control(samples);
    for (let i = 1; i < calls; i++) results = await control(samples);
    return results.map((result) => (result.kind === 'score' ? result.value : Number.NaN));
  };

  it('gives every group its own rewards, to other samples', async () => {
    const shuffled = await values(0);
    for (const group of [0, 1, 2]) {
      const own = shuffled.slice(group * 8, group * 8 + 8);
      const before = Array.from({ length: 8 }, (_, i) => group * 8 + i);
      expect([...own].sort((a, b) => a - b)).toEqual(before);
      expect(own).not.toEqual(before);
    }
  });

  it('shuffles anew at every call, the same for the same seed', async () => {
    expect(await values(0, 2)).not.toEqual(await values(0, 1));
    expect(await values(0, 2)).toEqual(await values(0, 2));
    expect(await values(1)).not.toEqual(await values(0));
  });
});
