import { describe, expect, it, vi } from 'vitest';
import { abstain, failure, type RewardEvent, type RewardFunction, type Sample, score } from '../reward.js';
import { cachedReward } from './cached.js';
import { contentKey } from './key.js';
import { memoryRewardStore, type RewardStore } from './store.js';

const picture = (value: number) => ({ width: 1, height: 1, data: Uint8Array.of(value, 0, 0) });
const sample = (value: number, more: Partial<Sample> = {}): Sample => ({
  prompt: { text: 'a dog', nouns: ['dog'] },
  group: 0,
  index: 0,
  image: picture(value),
  tokens: { token: Int32Array.of(value) },
  ...more,
});

/** The red of the picture; counts what it was asked. */
function judge() {
  const asked: number[] = [];
  const reward: RewardFunction = async (samples) =>
    samples.map(({ image }) => {
      const red = image?.data[0] as number;
      asked.push(red);
      if (red > 200) return failure('too bright');
      return red > 100 ? abstain('grey') : score(red);
    });
  return { reward, asked };
}

describe('cachedReward', () => {
  it('asks once per content, whatever the place in the batch', async () => {
    const { reward, asked } = judge();
    const events: RewardEvent[] = [];
    const cached = cachedReward(reward, { version: 'red@1' });
    const call = { onEvent: (event: RewardEvent) => void events.push(event) };
    expect(await cached([sample(1), sample(2), sample(1), sample(150)], call)).toEqual([
      score(1),
      score(2),
      score(1),
      abstain('grey'),
    ]);
    expect(asked).toEqual([1, 2, 150]);
    expect(await cached([sample(150, { group: 3, index: 7 }), sample(2), sample(3)], call)).toEqual([
      abstain('grey'),
      score(2),
      score(3),
    ]);
    expect(asked).toEqual([1, 2, 150, 3]);
    expect(events).toEqual([{ kind: 'cached', samples: 2 }]);
  });

  it('does not keep failures', async () => {
    const { reward, asked } = judge();
    const cached = cachedReward(reward, { version: 'red@1' });
    for (let i = 0; i < 2; i++) expect(await cached([sample(255)])).toEqual([failure('too bright')]);
    expect(asked).toEqual([255, 255]);
  });

  it('tells versions, prompts, plans, tokens and sizes of pictures apart', async () => {
    const keys = [
      await contentKey('a', sample(1)),
      await contentKey('b', sample(1)),
      await contentKey('a', sample(2)),
      await contentKey('a', sample(1, { plan: 'x' })),
      await contentKey('a', sample(1, { prompt: { text: 'a dog', nouns: ['cat'] } })),
      await contentKey('a', sample(1, { tokens: { token: Int32Array.of(1), plan: Int32Array.of() } })),
      await contentKey('a', sample(1, { image: { width: 3, height: 1, data: picture(1).data } })),
      await contentKey('a', sample(1, { prompt: ['ab', 'c'] })),
      await contentKey('a', sample(1, { prompt: ['a', 'bc'] })),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    const [first] = keys;
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    const turned = sample(1, { prompt: { nouns: ['dog'], text: 'a dog' } });
    expect(await contentKey('a', turned)).toBe(first);
    // A view of a larger buffer is what it shows.
    const view = new Uint8Array([9, 1, 0, 0, 9]).subarray(1, 4);
    expect(await contentKey('a', sample(1, { image: { width: 1, height: 1, data: view } }))).toBe(first);
  });

  it('looks only at what it is told to', async () => {
    const { reward, asked } = judge();
    const cached = cachedReward(reward, { version: 'red@1', content: ({ image }) => image?.data });
    await cached([sample(5, { prompt: 'a' }), sample(5, { prompt: 'b' })]);
    expect(asked).toEqual([5]);
  });

  it('forgets what was not asked for longest', async () => {
    const { reward, asked } = judge();
    const cached = cachedReward(reward, { version: 'red@1', store: memoryRewardStore(2) });
    for (const value of [1, 2, 1, 3, 1, 2]) await cached([sample(value)]);
    expect(asked).toEqual([1, 2, 3, 2]);
  });

  it('goes on without a store that fails, and says so once', async () => {
    const { reward, asked } = judge();
    const fail = async (): Promise<never> => {
      throw new Error('ENOSPC: no space left on device');
    };
    const onStoreError = vi.fn();
    const store: RewardStore = { get: fail, set: fail };
    const cached = cachedReward(reward, { version: 'red@1', store, onStoreError });
    for (let i = 0; i < 2; i++) expect(await cached([sample(7)])).toEqual([score(7)]);
    expect(asked).toEqual([7, 7]);
    expect(onStoreError).toHaveBeenCalledTimes(1);
    expect(onStoreError).toHaveBeenCalledWith(expect.stringMatching(/could not be read \(ENOSPC/));
  });

  it('does not believe a store that holds no result', async () => {
    const { reward } = judge();
    const store = { get: async () => [{ kind: 'score', value: null }], set: async () => {} };
    const cached = cachedReward(reward, { version: 'v', store: store as unknown as RewardStore });
    expect(await cached([sample(7)])).toEqual([score(7)]);
  });

  it('wants a version', () => {
    expect(() => cachedReward(judge().reward, { version: '' })).toThrow(/version is ""/);
  });
});
