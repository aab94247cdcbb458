import { describe, expect, it } from 'vitest';
import { allInOrder, inOrder } from './in-order.js';

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('inOrder', () => {
  it('gives results in order, and never starts more than asked for', async () => {
    let running = 0;
    let most = 0;
    const run = async (ms: number): Promise<number> => {
      most = Math.max(most, ++running);
      await later(ms);
      return ms;
    };
    const taken: number[] = [];
    for await (const value of inOrder([9, 1, 5, 2], 2, run)) {
      taken.push(value);
      running--;
    }
    expect(taken).toEqual([9, 1, 5, 2]);
    expect(most).toBe(2);
    expect(await allInOrder([], 3, run)).toEqual([]);
  });

  it('one at a time starts each when it is asked for', async () => {
    const started: number[] = [];
    const results = inOrder([1, 2, 3], 1, async (item) => started.push(item));
    await results.next();
    expect(started).toEqual([1]);
    await results.return();
    expect(started).toEqual([1]);
  });

  it('aborts what is under way where one fails, where the caller leaves, and by its signal', async () => {
    let signals: AbortSignal[] = [];
    const run = async (item: number, signal: AbortSignal): Promise<number> => {
      signals.push(signal);
      if (item === 0) throw new Error('zero');
      await later(1);
      return item;
    };
    await expect(allInOrder([0, 1, 2], 3, run)).rejects.toThrow('zero');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    signals = [];
    for await (const _ of inOrder([1, 2], 2, run)) break;
    expect(signals[1]?.aborted).toBe(true);
    signals = [];
    const abort = new AbortController();
    const all = allInOrder([1, 2], 2, run, abort.signal);
    abort.abort('why');
    await all;
    expect(signals.map(({ reason }) => reason)).toEqual(['why', 'why']);
  });
});
