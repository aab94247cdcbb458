import { describe, expect, it } from 'vitest';
import { BicotError } from '../../errors.js';
import { groupSizeOf } from '../groups.js';
import { abstain, failure, type RewardFunction, type RewardResult, type Sample, score } from '../reward.js';
import { evaluateReward, type RewardEnsemble, rewardEnsemble } from './ensemble.js';

/** Two groups of three, or what is asked for. */
const makeSamples = (groups = 2, size = 3): Sample<string>[] =>
  Array.from({ length: groups * size }, (_, i) => ({
    prompt: `prompt ${Math.floor(i / size)}`,
    group: Math.floor(i / size),
    index: i % size,
    tokens: {},
  }));

type Said = number | 'abstain' | 'failure';
const toResult = (said: Said): RewardResult =>
  said === 'abstain' ? abstain() : said === 'failure' ? failure('timed out') : score(said);
/** A reward that says these things, whatever it sees. */
const says =
  (...all: Said[]): RewardFunction<string> =>
  async () =>
    all.map(toResult);
const throws = (message: string): RewardFunction<string> => {
  return () => {
    throw new Error(message);
  };
};

describe('rewardEnsemble', () => {
  it('sums its members by weight and gives the table', async () => {
    const ensemble = rewardEnsemble({
      a: says(1, 2, 3, 4, 5, 6),
      b: { reward: says(10, 0, 0, 0, 0, 1), weight: 0.5 },
    });
    expect(ensemble.members).toEqual(['a', 'b']);
    expect(ensemble.weights).toEqual([1, 0.5]);
    expect([ensemble.aggregation, ensemble.abstention]).toEqual(['sum-then-normalize', 'neutral']);
    const { table, total, weights, failures, calls, results } = await ensemble.evaluate(makeSamples());
    expect(table.names).toEqual(['a', 'b']);
    expect(table.rows).toBe(6);
    expect([...table.values]).toEqual([1, 10, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1]);
    expect(weights).toEqual([1, 0.5]);
    expect([...total]).toEqual([6, 2, 3, 4, 5, 6.5]);
    expect(failures).toEqual([]);
    expect(calls.a).toMatchObject({ calls: 1, retries: 0, cached: 0 });
    expect(results.b?.[0]).toEqual(score(10));
  });

  it('is a reward function: totals as scores', async () => {
    const ensemble = rewardEnsemble({ a: says(1, 2), b: says(3, 4) });
    expect(await ensemble(makeSamples(1, 2))).toEqual([score(4), score(6)]);
  });

  it('takes an abstention neutrally, or as 0 when told', async () => {
    const members = { a: says(1, 1, 1), b: says(4, 'abstain', 2) };
    const neutral = await rewardEnsemble(members).evaluate(makeSamples(1, 3));
    expect([...neutral.total]).toEqual([5, 4, 3]); // b's silence counts as its mean in the group, 3
    expect([...neutral.table.values]).toEqual([1, 4, 1, Number.NaN, 1, 2]);
    const zero = await rewardEnsemble(members, { abstention: 'zero' }).evaluate(makeSamples(1, 3));
    expect([...zero.total]).toEqual([5, 1, 3]);
  });

  it('abstains where every trained member does', async () => {
    const ensemble = rewardEnsemble({
      a: says('abstain', 1),
      b: says('abstain', 'abstain'),
      watch: { reward: says(1, 1), monitor: true },
    });
    expect((await ensemble(makeSamples(1, 2))).map(({ kind }) => kind)).toEqual(['abstain', 'score']);
  });

  it('never makes a score of a failure', async () => {
    const ensemble = rewardEnsemble({ a: says(1, 1, 1), b: says(2, 'failure', 3) });
    const { total, table, failures, results } = await ensemble.evaluate(makeSamples(1, 3));
    expect([...total]).toEqual([3, Number.NaN, 4]);
    // The row is blank for whoever computes from the table; what a said is kept in the results.
    expect([...table.values]).toEqual([1, 2, Number.NaN, Number.NaN, 1, 3]);
    expect(results.a?.[1]).toEqual(score(1));
    expect(failures).toEqual([{ member: 'b', sample: 1, reason: 'timed out' }]);
    expect(await ensemble(makeSamples(1, 3))).toEqual([score(3), failure('b: timed out'), score(4)]);
  });

  it('counts a member that throws as failed for the whole batch', async () => {
    const ensemble = rewardEnsemble({ a: says(1, 1), b: throws('no network') });
    const { total, failures } = await ensemble.evaluate(makeSamples(1, 2));
    expect([...total]).toEqual([Number.NaN, Number.NaN]);
    expect(failures).toEqual([
      { member: 'b', sample: 0, reason: 'no network' },
      { member: 'b', sample: 1, reason: 'no network' },
    ]);
  });

  it('keeps monitors out of the total, scores and failures alike', async () => {
    const ensemble = rewardEnsemble({
      judge: { reward: says(100, 'failure', 'abstain'), monitor: true },
      a: says(1, 2, 3),
    });
    expect(ensemble.members).toEqual(['a']);
    expect(ensemble.monitors).toEqual(['judge']);
    const { total, table, monitors, failures, weights } = await ensemble.evaluate(makeSamples(1, 3));
    expect([...total]).toEqual([1, 2, 3]);
    expect(table.names).toEqual(['a']);
    expect(weights).toEqual([1]);
    expect(monitors.names).toEqual(['judge']);
    expect([...monitors.values]).toEqual([100, Number.NaN, Number.NaN]);
    expect(failures).toEqual([{ member: 'judge', sample: 1, reason: 'timed out' }]);
    expect((await ensemble(makeSamples(1, 3))).every(({ kind }) => kind === 'score')).toBe(true);
  });

  it('nests, with abstentions and failures carried through', async () => {
    const inner = rewardEnsemble({
      x: says(1, 'failure', 'abstain'),
      y: { reward: says(2, 2, 'abstain'), weight: 2 },
    });
    const outer = rewardEnsemble({ inner: { reward: inner, weight: 10 }, z: says(1, 1, 1) });
    const { total, failures } = await outer.evaluate(makeSamples(1, 3));
    expect([...total]).toEqual([51, Number.NaN, 51]); // the abstention counts as the group's mean, 5
    expect(failures).toEqual([{ member: 'inner', sample: 1, reason: 'x: timed out' }]);
  });

  it('refuses a nested ensemble whose aggregation would do nothing', () => {
    const inner = rewardEnsemble({ a: says(1) }, { aggregation: 'normalize-then-sum' });
    expect(() => rewardEnsemble({ inner })).toThrow(/"inner".*normalize-then-sum/);
    expect(() => rewardEnsemble({ a: says(1), inner: { reward: inner, monitor: true } })).not.toThrow();
  });

  it('runs members concurrently', async () => {
    // Each waits for the other: run one after the other, neither would end.
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const waits: RewardFunction<string> = async () => {
      await gate;
      return [score(1)];
    };
    const opens: RewardFunction<string> = async () => {
      open();
      return [score(2)];
    };
    expect(await rewardEnsemble({ waits, opens })(makeSamples(1, 1))).toEqual([score(3)]);
  });

  it('scores samples without group-mates', async () => {
    const ensemble = rewardEnsemble({ a: says(1, 2), b: { reward: says('abstain', 3), weight: 2 } });
    const { total } = await ensemble.evaluate(makeSamples(2, 1));
    expect([...total]).toEqual([1, 8]);
    expect(await rewardEnsemble({ a: says(4) })(makeSamples(1, 1))).toEqual([score(4)]);
  });

  it.each([
    ['too few results', says(1), /"bad" returned 1 results for 2 samples/],
    ['a non-finite score', says(1, Number.NaN), /"bad" returned the score NaN for sample 1/],
    ['no results', (async () => undefined) as unknown as RewardFunction<string>, /"bad" returned undefined/],
    [
      'bare numbers',
      (async () => [1, 2]) as unknown as RewardFunction<string>,
      /"bad" returned 1 for sample 0/,
    ],
  ])('refuses %s, also when nested', async (_, bad, message) => {
    const ensemble: RewardEnsemble<string> = rewardEnsemble({ good: says(1, 1), bad });
    const expected = expect.objectContaining({ code: 'reward', message: expect.stringMatching(message) });
    await expect(ensemble.evaluate(makeSamples(1, 2))).rejects.toThrow(expected);
    await expect(rewardEnsemble({ ensemble })(makeSamples(1, 2))).rejects.toThrow(expected);
  });

  it('lets an abort through', async () => {
    const aborted: RewardFunction<string> = async () => {
      throw new BicotError('aborted', 'stopped');
    };
    await expect(rewardEnsemble({ aborted })(makeSamples())).rejects.toThrow(
      expect.objectContaining({ code: 'aborted' }),
    );
  });

  it.each([
    new TypeError('image is undefined'),
    new ReferenceError('scroe is not defined'),
    new RangeError('Invalid array length'),
  ])('lets a programming error through, naming the member: %s', async (cause) => {
    const broken: RewardFunction<string> = async () => {
      throw cause;
    };
    const expected = { code: 'reward', cause, message: expect.stringContaining(`"broken" threw ${cause}`) };
    const members = { good: says(1, 1), broken };
    await expect(rewardEnsemble(members)(makeSamples(1, 2))).rejects.toMatchObject(expected);
    const inner = rewardEnsemble(members);
    await expect(rewardEnsemble({ inner })(makeSamples(1, 2))).rejects.toMatchObject({
      message: expect.stringMatching(/"inner".*"broken"/),
    });
  });

  it("lets a member's BicotError through with its code, naming the member", async () => {
    const cause = new BicotError('prompt-row', 'the row names no place');
    const broken: RewardFunction<string> = async () => {
      throw cause;
    };
    await expect(rewardEnsemble({ broken })(makeSamples())).rejects.toMatchObject({
      code: 'prompt-row',
      message: 'reward "broken": the row names no place',
      cause,
    });
  });

  it.each([
    'fetch failed',
    'Failed to fetch',
    'NetworkError when attempting to fetch resource.',
    'Load failed',
  ])('counts a network that is down as a failure, though fetch calls it a TypeError: %s', async (message) => {
    const remote: RewardFunction<string> = async () => {
      throw new TypeError(message);
    };
    expect(await rewardEnsemble({ remote })(makeSamples(1, 1))).toEqual([failure(`remote: ${message}`)]);
  });

  it('refuses a nested ensemble with monitors, whose opinion would be lost', () => {
    const inner = rewardEnsemble({ a: says(1), judge: { reward: says(1), monitor: true } });
    for (const monitor of [false, true]) {
      const members = { a: says(1), inner: { reward: inner, monitor } };
      expect(() => rewardEnsemble(members)).toThrow(expect.objectContaining({ code: 'reward' }));
      expect(() => rewardEnsemble(members)).toThrow(/"inner".*monitors judge/);
    }
  });

  it('refuses members that cannot work', () => {
    const reward = says(1);
    expect(() => rewardEnsemble({})).toThrow(expect.objectContaining({ code: 'reward' }));
    expect(() => rewardEnsemble({ a: { reward, monitor: true } })).toThrow(/trains on none/);
    expect(() => rewardEnsemble({ a: { reward, weight: Number.NaN } })).toThrow(/weight of "a" is NaN/);
    expect(() => rewardEnsemble({ a: {} as { reward: typeof reward } })).toThrow(/"a" has no reward/);
  });
});

describe('evaluateReward', () => {
  it('takes a plain function as an ensemble of one', async () => {
    const { table, total, weights } = await evaluateReward(says(1, 'failure'), makeSamples(1, 2));
    expect(table.names).toEqual(['reward']);
    expect([...total]).toEqual([1, Number.NaN]);
    expect(weights).toEqual([1]);
  });

  it('asks an ensemble itself', async () => {
    const ensemble = rewardEnsemble({ a: says(1, 2), b: says(3, 4) });
    const { table } = await evaluateReward(ensemble, makeSamples(1, 2));
    expect(table.names).toEqual(['a', 'b']);
  });
});

describe('groupSizeOf', () => {
  it('reads the size of the groups, whatever their numbers', () => {
    expect(groupSizeOf(makeSamples(3, 4))).toBe(4);
    expect(groupSizeOf(makeSamples(1, 1))).toBe(1);
    expect(groupSizeOf([{ group: 7 }, { group: 7 }, { group: 2 }, { group: 2 }])).toBe(2);
  });

  it.each([
    ['no samples', []],
    ['unequal groups', [0, 0, 1]],
    ['a group in two places', [0, 1, 0, 1]],
  ])('refuses %s', (_, groups) => {
    expect(() => groupSizeOf(groups.map((group) => ({ group })))).toThrow(
      expect.objectContaining({ code: 'group-size' }),
    );
  });
});
