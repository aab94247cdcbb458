import { describe, expect, it, vi } from 'vitest';
import { BicotError } from '../../errors.js';
import { abstain, failure, type RewardFunction, type RewardResult, type Sample, score } from '../reward.js';
import { concatEnsembleResults } from './concat.js';
import { type EnsembleOptions, rewardEnsemble } from './ensemble.js';
import type { EnsembleMember } from './member.js';
import { rewardStatistics } from './statistics.js';

const samples = (groups: number, size: number): Sample<string>[] =>
  Array.from({ length: groups * size }, (_, i) => ({
    prompt: `${i}`,
    group: Math.floor(i / size),
    index: i % size,
    tokens: {},
  }));

type Said = number | 'abstain' | 'failure';
/** Says these things about samples 0, 1, …; knows a sample by its prompt. */
const says =
  (...all: Said[]): RewardFunction<string> =>
  async (batch) =>
    batch.map(({ prompt }): RewardResult => {
      const said = all[Number(prompt)] as Said;
      return said === 'abstain' ? abstain() : said === 'failure' ? failure('timed out') : score(said);
    });
const NONE = Number.NaN;

describe('failures', () => {
  const members = { a: says(1, 2, 3, 4), b: says(1, 'failure', 1, 1) };

  it('take their sample out, and say why', async () => {
    const { total, dropped } = await rewardEnsemble(members).evaluate(samples(2, 2));
    expect([...total]).toEqual([2, NONE, 4, 5]);
    expect(dropped).toEqual([{ sample: 1, reason: 'b: timed out' }]);
  });

  it('take their group out, when told', async () => {
    const ensemble = rewardEnsemble(members, { onFailure: 'drop-group' });
    const { total, table, dropped } = await ensemble.evaluate(samples(2, 2));
    expect([...total]).toEqual([NONE, NONE, 4, 5]);
    expect([...table.values.subarray(0, 4)]).toEqual([NONE, NONE, NONE, NONE]);
    expect(dropped).toEqual([
      { sample: 0, reason: 'dropped with its group, as sample 1 failed' },
      { sample: 1, reason: 'b: timed out' },
    ]);
    expect((await ensemble(samples(2, 2))).map(({ kind }) => kind)).toEqual([
      'failure',
      'failure',
      'score',
      'score',
    ]);
  });

  it('end the run, when told', async () => {
    const stopped = rewardEnsemble(members, { onFailure: 'stop' }).evaluate(samples(2, 2));
    await expect(stopped).rejects.toThrow(
      /1 samples could not be scored; sample 1: b: timed out.*onFailure: 'stop'/,
    );
    const watched = { a: says(1, 2), judge: { reward: says('failure', 1), monitor: true } };
    const { total } = await rewardEnsemble(watched, { onFailure: 'stop' }).evaluate(samples(1, 2));
    expect([...total]).toEqual([1, 2]);
  });

  it('of an optional member are abstentions, until no quorum is left', async () => {
    const optional = (...said: Said[]): EnsembleMember<string> => ({
      reward: says(...said),
      required: false,
    });
    const all = {
      a: optional(1, 2, 3),
      b: optional(10, 'failure', 30),
      c: optional(1, 'failure', 'failure'),
    };
    const lenient = await rewardEnsemble(all).evaluate(samples(1, 3));
    // b's silence counts as 20, c's as 1.
    expect([...lenient.total]).toEqual([12, 23, 34]);
    expect(lenient.failures).toHaveLength(3);
    const strict = await rewardEnsemble(all, { quorum: 2 }).evaluate(samples(1, 3));
    expect([...strict.total]).toEqual([12, NONE, 34]);
    expect(strict.dropped).toEqual([
      { sample: 1, reason: 'b: timed out; c: timed out (1 members left, the quorum is 2)' },
    ]);
  });

  it('are asked about again', async () => {
    let calls = 0;
    const flaky: RewardFunction<string> = async (batch) => {
      if (calls++ === 0) throw new Error('busy');
      return batch.map(() => score(1));
    };
    const member = { reward: flaky, call: { retries: 1, backoff: { first: 0, most: 0 } } };
    const { total, calls: made } = await rewardEnsemble({ member }).evaluate(samples(1, 2));
    expect([...total]).toEqual([1, 1]);
    expect(made.member).toMatchObject({ calls: 2, retries: 1, failedCalls: 1, cached: 0 });
  });
});

describe('gates', () => {
  it('ask a member only where another is content', async () => {
    const judge = vi.fn(says(7, 8, 9, 10));
    const ensemble = rewardEnsemble({
      judge: { reward: judge, gate: { by: 'cheap', atLeast: 0.5, otherwise: 0 } },
      cheap: says(0.4, 0.5, 'abstain', 1),
    });
    const { table, total, results } = await ensemble.evaluate(samples(1, 4));
    expect(judge.mock.calls[0]?.[0].map(({ prompt }) => prompt)).toEqual(['1', '3']);
    // A sample that the cheap one has no opinion on gets the mean of both, its own results kept apart.
    expect([...table.values]).toEqual([0, 0.4, 8, 0.5, NONE, NONE, 10, 1]);
    expect([...total]).toEqual([0.4, 8.5, NONE, 11]);
    expect(results.judge).toEqual([
      abstain('not asked: "cheap" is 0.4, below 0.5'),
      score(8),
      abstain('not asked: "cheap" abstained'),
      score(10),
    ]);
  });

  it('may be neutral, and do not ask at all when closed to everybody', async () => {
    const judge = vi.fn(says(6, 8));
    const gate = { by: 'cheap', atLeast: 1, otherwise: 'abstain' } as const;
    const half = rewardEnsemble({ cheap: says(0, 1), judge: { reward: judge, gate } });
    expect([...(await half.evaluate(samples(1, 2))).total]).toEqual([8, 9]);
    const none = rewardEnsemble({ cheap: says(0, 0), judge: { reward: judge, gate } });
    const { total, calls } = await none.evaluate(samples(1, 2));
    expect([...total]).toEqual([0, 0]);
    expect(judge).toHaveBeenCalledTimes(1);
    expect(calls.judge?.calls).toBe(0);
  });

  it('follow one another, and stay shut behind a failure', async () => {
    const ensemble = rewardEnsemble({
      c: { reward: says(100, 100), gate: { by: 'b', atLeast: 2, otherwise: 0 } },
      b: { reward: says(2, 2), gate: { by: 'a', atLeast: 1, otherwise: 0 } },
      a: { reward: says(1, 'failure'), required: false },
    });
    const { total, results } = await ensemble.evaluate(samples(1, 2));
    expect(total[0]).toBe(103);
    expect(results.b?.[1]).toEqual(abstain('not asked: "a" failed'));
    expect(results.c?.[1]).toEqual(abstain('not asked: "b" abstained'));
  });

  it('give an ensemble its groups whole', async () => {
    const inner = rewardEnsemble({ x: says(1, 2, 3), y: says(1, 1, 'abstain') });
    const ensemble = rewardEnsemble({
      inner: { reward: inner, gate: { by: 'a', atLeast: 1, otherwise: 0 } },
      a: says(0, 1, 1),
    });
    // y counts as 1 on sample 2, the mean of its group, sample 0 included.
    expect([...(await ensemble.evaluate(samples(1, 3))).total]).toEqual([0, 4, 5]);
  });

  it.each<[string, EnsembleMember<string>['gate'], RegExp]>([
    ['nobody', { by: 'x', atLeast: 1, otherwise: 0 }, /"x", which is no trained member/],
    ['a monitor', { by: 'judge', atLeast: 1, otherwise: 0 }, /"judge", which is no trained member/],
    ['itself', { by: 'b', atLeast: 1, otherwise: 0 }, /"b" → "b" wait for each other/],
    ['one that waits for it', { by: 'c', atLeast: 1, otherwise: 0 }, /wait for each other/],
    ['a bound that is none', { by: 'a', atLeast: NONE, otherwise: 0 }, /opens at NaN/],
    ['nothing otherwise', { by: 'a', atLeast: 1 } as never, /otherwise: undefined/],
  ])('are not decided by %s', (_, gate, message) => {
    const reward = says(1);
    const members = {
      a: reward,
      b: { reward, ...(gate && { gate }) },
      c: { reward, gate: { by: 'b', atLeast: 0, otherwise: 0 } },
      judge: { reward, monitor: true },
    };
    expect(() => rewardEnsemble(members)).toThrow(message);
  });
});

describe('an ensemble', () => {
  it('combines as it is told', async () => {
    const members = { a: { reward: says(0.5, 1), clip: [0, 0.8] as const }, b: says(0.5, 0.25) };
    const product = rewardEnsemble(members, { combination: 'product' });
    expect((await product.evaluate(samples(1, 2))).total).toBeAllclose([0.25, 0.2], 1e-12);
    const worst = rewardEnsemble(members, { combination: 'min' });
    expect(await worst(samples(1, 2))).toEqual([score(0.5), score(0.25)]);
  });

  it('keeps results', async () => {
    const reward = vi.fn(says(1, 2));
    const ensemble = rewardEnsemble({ a: { reward, cache: { version: 'a@1' } } });
    await ensemble(samples(1, 2));
    const { calls } = await ensemble.evaluate(samples(1, 2));
    expect(reward).toHaveBeenCalledTimes(1);
    expect(calls.a).toMatchObject({ calls: 0, cached: 2 });
  });

  it('stops its other members when one ends everything', async () => {
    let signal: AbortSignal | undefined;
    const hangs: RewardFunction<string> = (_, call) => {
      signal = call?.signal;
      return new Promise(() => {});
    };
    const broken: RewardFunction<string> = async () => {
      throw new BicotError('value', 'no');
    };
    await expect(rewardEnsemble({ hangs, broken })(samples(1, 1))).rejects.toThrow(/"broken": no/);
    expect(signal?.aborted).toBe(true);
  });

  it('is stopped from outside', async () => {
    const hangs: RewardFunction<string> = () => new Promise(() => {});
    const stop = new AbortController();
    const asked = rewardEnsemble({ inner: rewardEnsemble({ hangs }) })(samples(1, 1), {
      signal: stop.signal,
    });
    setTimeout(() => stop.abort(), 5);
    await expect(asked).rejects.toThrow(expect.objectContaining({ code: 'aborted' }));
  });

  const reward = says(1);
  it.each<[string, EnsembleMember<string>, EnsembleOptions, RegExp]>([
    [
      'a monitor with a weight',
      { reward, monitor: true, weight: 2 },
      {},
      /"x" is a monitor and has 'weight'/,
    ],
    ['a monitor that is optional', { reward, monitor: true, required: false }, {}, /has 'required'/],
    ['a misspelt option', { reward, wieght: 1 } as never, {}, /no option 'wieght'/],
    ['calls that make no sense', { reward, call: { retries: -1 } }, {}, /retries is -1/],
    ['a product of standard scores', { reward, normalize: 'group' }, { combination: 'product' }, /product/],
    ['a quorum beyond its members', { reward }, { quorum: 3 }, /quorum is 3.*1 to 2/],
    ['a policy that is none', { reward }, { onFailure: 'zero' as 'stop' }, /onFailure is "zero"/],
    [
      'standardising twice',
      { reward, normalize: 'group' },
      { aggregation: 'normalize-then-sum' },
      /normalization 'group' would do nothing/,
    ],
    [
      'retries around an ensemble',
      { reward: rewardEnsemble({ reward }), call: { retries: 1 } },
      {},
      /"x" is an ensemble and has 'call'/,
    ],
  ])('refuses %s', (_, x, options, message) => {
    expect(() => rewardEnsemble({ a: reward, x }, options)).toThrow(message);
  });
});

describe('rewardStatistics', () => {
  it('tells spread inside groups, flat groups and who goes with the total', async () => {
    const ensemble = rewardEnsemble({
      good: says(0, 2, 5, 5, 1, 'abstain'),
      against: { reward: says(2, 0, 1, 3, 'failure', 0), weight: 0.1, required: false },
    });
    const result = await ensemble.evaluate(samples(3, 2));
    const { good, against } = rewardStatistics(result, ['good', 'against'], 2);
    expect(good).toMatchObject({ abstained: 1, failed: 0, zeroVarianceFraction: 0.5 });
    expect(good?.groupStd).toBeCloseTo(Math.SQRT2 / 2, 12); // √2 and 0
    expect(against).toMatchObject({ failed: 1, failureReason: 'timed out', zeroVarianceFraction: 0 });
    expect(good?.correlation).toBeGreaterThan(0.99);
    expect(against?.correlation).toBeLessThan(-0.5);
  });

  it('counts parts of a batch together', async () => {
    const ensemble = rewardEnsemble({ a: says(1, 'failure'), b: says(3, 4) });
    const parts = [await ensemble.evaluate(samples(1, 2)), await ensemble.evaluate(samples(1, 2))] as const;
    const all = concatEnsembleResults(parts);
    expect(all.dropped.map(({ sample }) => sample)).toEqual([1, 3]);
    expect(all.calls.b).toMatchObject({ calls: 2, retries: 0 });
    expect([...all.total]).toEqual([4, NONE, 4, NONE]);
  });
});
