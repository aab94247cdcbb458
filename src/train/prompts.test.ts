import { describe, expect, it } from 'vitest';
import { promptBatch } from './prompts.js';

const prompts = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

describe('promptBatch', () => {
  it('visits each prompt once an epoch, in another order each epoch', () => {
    const epoch = (e: number) =>
      [0, 1, 2, 3, 4, 5, 6].map((s) => promptBatch(prompts, 1, 5, e * 7 + s).prompts[0]);
    expect([...epoch(0)].sort()).toEqual(prompts);
    expect([...epoch(1)].sort()).toEqual(prompts);
    expect(epoch(0)).not.toEqual(epoch(1));
  });

  it('never repeats a prompt within a step if there are enough, and ids name the prompts', () => {
    const seen = new Set<string>();
    for (let step = 0; step < 40; step++) {
      const batch = promptBatch(prompts, 3, 1, step);
      expect(new Set(batch.prompts).size).toBe(3);
      expect(batch.prompts).toEqual(batch.promptIds.map((id) => prompts[id]));
      for (const prompt of batch.prompts) seen.add(prompt);
    }
    // The leftover prompt of an epoch is not always the same one.
    expect(seen.size).toBe(7);
  });

  it('repeats evenly, under distinct ids, if there are too few', () => {
    const batch = promptBatch(['a', 'b'], 5, 1, 3);
    const count = (p: string) => batch.prompts.filter((q) => q === p).length;
    expect([count('a'), count('b')].sort()).toEqual([2, 3]);
    expect(new Set(batch.promptIds).size).toBe(5);
    expect(batch.prompts).toEqual(batch.promptIds.map((id) => ['a', 'b'][id % 2]));
  });

  it('depends on the seed, and only on seed and step', () => {
    const order = (seed: number) => [0, 1, 2, 3].map((step) => promptBatch(prompts, 2, seed, step).promptIds);
    expect(order(1)).toEqual(order(1));
    expect(order(1)).not.toEqual(order(2));
  });
});
