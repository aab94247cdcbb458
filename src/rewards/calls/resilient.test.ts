import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { pauseBefore } from '../../backoff.js';
import { BicotError } from '../../errors.js';
import {
  abstain,
  failure,
  type RewardCall,
  type RewardEvent,
  type RewardFunction,
  type Sample,
  score,
} from '../reward.js';
import type { RewardCallOptions } from './options.js';
import { resilientReward } from './resilient.js';

const samples = (count: number): Sample<number>[] =>
  Array.from({ length: count }, (_, i) => ({ prompt: i, group: 0, index: i, tokens: {} }));

/** Scores each sample by its number. */
const right: RewardFunction<number> = async (batch) => batch.map(({ prompt }) => score(prompt));

/** Fails as a whole so many times, then is right. */
function failsFirst(times: number, error: () => unknown = () => new Error('busy')): RewardFunction<number> {
  let calls = 0;
  return async (batch) => {
    if (calls++ < times) throw error();
    return right(batch);
  };
}

const NOW = { first: 0, most: 0 };

async function ask(
  reward: RewardFunction<number>,
  options: RewardCallOptions,
  count = 3,
  call: RewardCall = {},
) {
  const events: RewardEvent[] = [];
  const careful = resilientReward(reward, options);
  const results = await careful(samples(count), { ...call, onEvent: (event) => events.push(event) });
  return { results, events };
}

describe('resilientReward', () => {
  it('passes on what a reward says, and tells of its call', async () => {
    const mixed: RewardFunction<number> = async () => [score(1), abstain('no'), failure('dark')];
    const { results, events } = await ask(mixed, {});
    expect(results).toEqual([score(1), abstain('no'), failure('dark')]);
    expect(events).toEqual([{ kind: 'call', samples: 3, attempt: 1, seconds: expect.any(Number) }]);
  });

  it('repeats a call that failed, and fails with the last reason when that is used up', async () => {
    const { results, events } = await ask(failsFirst(2), { retries: 2, backoff: NOW });
    expect(results).toEqual([score(0), score(1), score(2)]);
    expect(events.map((event) => event.kind === 'call' && [event.attempt, event.error])).toEqual([
      [1, 'busy'],
      [2, 'busy'],
      [3, undefined],
    ]);
    const given = await ask(failsFirst(3), { retries: 2, backoff: NOW });
    expect(given.results).toEqual([failure('busy'), failure('busy'), failure('busy')]);
  });

  it('asks again about the samples that failed only, and never about those that can not be scored', async () => {
    const asked: number[][] = [];
    const moody: RewardFunction<number> = async (batch) => {
      asked.push(batch.map(({ prompt }) => prompt));
      return batch.map(({ prompt }) => {
        if (prompt === 0) return failure('broken picture', { permanent: true });
        return prompt === 2 && asked.length < 3 ? failure('hiccup') : score(prompt);
      });
    };
    const { results } = await ask(moody, { retries: 5, backoff: NOW }, 4);
    expect(asked).toEqual([[0, 1, 2, 3], [2], [2]]);
    expect(results).toEqual([failure('broken picture', { permanent: true }), score(1), score(2), score(3)]);
  });

  it('does not repeat what its error calls hopeless', async () => {
    const forbidden = () => Object.assign(new Error('403'), { retryable: false });
    const { results, events } = await ask(failsFirst(1, forbidden), { retries: 5, backoff: NOW });
    expect(results).toEqual([failure('403'), failure('403'), failure('403')]);
    expect(events).toHaveLength(1);
  });

  it.each([new TypeError('x is undefined'), new BicotError('prompt-row', 'no place')])(
    'lets a bug through at once: %s',
    async (bug) => {
      const reward = vi.fn(failsFirst(1, () => bug));
      await expect(ask(reward, { retries: 5, backoff: NOW, timeout: 1000 })).rejects.toBe(bug);
      expect(reward).toHaveBeenCalledTimes(1);
    },
  );

  it('refuses results that break the contract', async () => {
    const short: RewardFunction<number> = async () => [score(1)];
    await expect(ask(short, { retries: 3 })).rejects.toThrow(/returned 1 results for 3 samples/);
    const infinite: RewardFunction<number> = async () => [score(1), score(1 / 0), score(1)];
    await expect(ask(infinite, {})).rejects.toThrow(/the score Infinity for sample 1/);
  });

  it('splits a batch, keeps the order, and fails in parts', async () => {
    const sizes: number[] = [];
    const picky: RewardFunction<number> = async (batch) => {
      sizes.push(batch.length);
      await new Promise((resolve) => setTimeout(resolve, batch[0]?.prompt === 0 ? 20 : 1));
      if (batch.some(({ prompt }) => prompt === 3)) throw new Error('bad part');
      return right(batch);
    };
    const { results } = await ask(picky, { batchSize: 2 }, 5);
    expect(sizes).toEqual([2, 2, 1]);
    expect(results).toEqual([score(0), score(1), failure('bad part'), failure('bad part'), score(4)]);
  });

  it('makes at most so many calls at once', async () => {
    let [now, most] = [0, 0];
    const counted: RewardFunction<number> = async (batch) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 2));
      now--;
      return right(batch);
    };
    await ask(counted, { batchSize: 1, concurrency: 3 }, 12);
    expect(most).toBe(3);
  });

  describe('in time', () => {
    // Loaded with the first call; not while time stands still.
    beforeAll(() => import('./guard.js'));
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it('gives up on a call that hangs, and aborts it', async () => {
      let seen: AbortSignal | undefined;
      const hangs: RewardFunction<number> = (_, call) => {
        seen = call?.signal;
        return new Promise(() => {});
      };
      const asked = ask(hangs, { timeout: 5000 });
      await vi.advanceTimersByTimeAsync(4999);
      expect(seen?.aborted).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect((await asked).results).toEqual(Array(3).fill(failure('no answer within 5000 ms')));
      expect(seen?.aborted).toBe(true);
    });

    it('waits between attempts as it was told, by the service too', async () => {
      const at: number[] = [];
      const start = Date.now();
      const busy: RewardFunction<number> = async () => {
        at.push(Date.now() - start);
        throw Object.assign(new Error('busy'), at.length === 2 ? { retryAfterMs: 5000 } : {});
      };
      const random = vi.spyOn(Math, 'random').mockReturnValue(0);
      const asked = ask(busy, { retries: 3, backoff: { first: 100, most: 2000 } });
      await vi.runAllTimersAsync();
      await asked;
      random.mockRestore();
      expect(at).toEqual([0, 100, 2100, 2500]); // 100, then 5000 but at most 2000, then 400
    });

    it('stops asking after failures in a row, and tries one call after a pause', async () => {
      let down = true;
      const reward = vi.fn<RewardFunction<number>>(async (batch) => {
        if (down) throw new Error('refused');
        return right(batch);
      });
      const careful = resilientReward(reward, { breaker: { failures: 2, pause: 10_000 } });
      const first = async () => (await careful(samples(1)))[0];
      expect(await first()).toEqual(failure('refused'));
      expect(await first()).toEqual(failure('refused'));
      expect(await first()).toMatchObject({ reason: expect.stringMatching(/^not asked: .*\(refused\)/) });
      expect(reward).toHaveBeenCalledTimes(2);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await first()).toEqual(failure('refused')); // the trial
      expect(await first()).toMatchObject({ reason: expect.stringMatching(/^not asked/) });
      down = false;
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await first()).toEqual(score(0));
      expect(await first()).toEqual(score(0));
    });

    it('counts a call in which every sample failed as failed', async () => {
      const reward = vi.fn<RewardFunction<number>>(async (batch) => batch.map(() => failure('no GPU')));
      const careful = resilientReward(reward, { breaker: { failures: 1, pause: 1000 } });
      expect(await careful(samples(2))).toEqual([failure('no GPU'), failure('no GPU')]);
      expect((await careful(samples(1)))[0]).toMatchObject({ reason: expect.stringMatching(/no GPU/) });
      expect(reward).toHaveBeenCalledTimes(1);
    });

    it.each(['during a call', 'between two attempts'])('is stopped %s at once', async (when) => {
      const stop = new AbortController();
      const hangs: RewardFunction<number> = () => new Promise(() => {});
      const reward = when === 'during a call' ? hangs : failsFirst(9);
      const options = { timeout: 60_000, retries: 5, backoff: { first: 60_000, most: 60_000 } };
      const asked = ask(reward, options, 1, { signal: stop.signal });
      const refused = expect(asked).rejects.toThrow(expect.objectContaining({ code: 'aborted' }));
      await vi.advanceTimersByTimeAsync(10);
      stop.abort();
      await vi.advanceTimersByTimeAsync(1);
      await refused;
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  it('pauses longer each time, up to the most', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    expect([1, 2, 3, 9].map((n) => pauseBefore(n, { first: 10, most: 100 }))).toEqual([10, 20, 40, 100]);
    vi.spyOn(Math, 'random').mockReturnValue(1);
    expect(pauseBefore(1, { first: 10, most: 100 })).toBe(5);
    vi.restoreAllMocks();
  });

  it.each([
    [{ timeout: 0 }, /timeout is 0/],
    [{ retries: -1 }, /retries is -1/],
    [{ concurrency: 1.5 }, /concurrency is 1.5/],
    [{ batchSize: 0 }, /batchSize is 0/],
    [{ backoff: { first: 10, most: 5 } }, /backoff.most is 5/],
    [{ breaker: { failures: 0, pause: 1 } }, /breaker.failures is 0/],
    [{ timeOut: 5 }, /no option 'timeOut'/],
  ])('refuses %o', (options, message) => {
    expect(() => resilientReward(right, options as RewardCallOptions)).toThrow(message);
  });
});
