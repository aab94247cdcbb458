import { describe, expect, it } from 'vitest';
import { meanwhile } from './meanwhile.js';

const phases = () => {
  const seen: string[] = [];
  return { seen, enter: (phase: string) => void seen.push(phase) };
};
const later = <T>(value: T, ms = 5): Promise<T> => new Promise((resolve) => setTimeout(resolve, ms, value));

describe('meanwhile', () => {
  it('scores the reference while rewards are on their way', async () => {
    const { seen, enter } = phases();
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    // Rewards that end only when the reference is scored: one after the other, neither would end.
    const both = await meanwhile(
      async () => {
        await gate;
        return 'rewards';
      },
      async () => {
        open();
        return 'reference';
      },
      { enter },
    );
    expect(both).toEqual({ rewards: 'rewards', reference: 'reference' });
    expect(seen).toEqual(['reward', 'reference', 'reward']);
  });

  it('charges rewards that compute here for their own time', async () => {
    const { seen, enter } = phases();
    let computed = false;
    const rewards = async () => {
      await Promise.resolve();
      computed = true;
    };
    await meanwhile(rewards, async () => expect(computed).toBe(true), { enter });
    expect(seen).toEqual(['reward', 'reference']);
  });

  it('does without a reference', async () => {
    expect(await meanwhile(() => later(1), undefined, phases())).toEqual({ rewards: 1 });
  });

  it('ends the one when the other throws', async () => {
    let aborted = false;
    const rewards = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(new Error('stopped'));
        });
      });
    const broken = async () => {
      throw new Error('NaN in the reference');
    };
    await expect(meanwhile(rewards, broken, phases())).rejects.toThrow('NaN in the reference');
    expect(aborted).toBe(true);
    const failing = async () => {
      throw new Error('a bug in the reward');
    };
    await expect(meanwhile(failing, () => later(1), phases())).rejects.toThrow('a bug in the reward');
  });

  it('passes an abort on', async () => {
    const stop = new AbortController();
    const rewards = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
    const both = meanwhile(rewards, undefined, { ...phases(), signal: stop.signal });
    stop.abort();
    await expect(both).rejects.toThrow('stopped');
  });
});
