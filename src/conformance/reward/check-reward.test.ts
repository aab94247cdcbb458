/** Every check of `checkReward` is proven by faults planted in a right reward: found, and by that check alone. */
import { describe, expect, it } from 'vitest';
import { rewardSamples, type SamplePrompt } from '../../../test/support/reward-samples.js';
import { BicotError } from '../../errors.js';
import { rewardEnsemble } from '../../rewards/ensemble/ensemble.js';
import {
  abstain,
  failure,
  type RewardFunction,
  type RewardResult,
  type Sample,
  score,
} from '../../rewards/reward.js';
import { normalValues, uniformStream } from '../../tensor/noise.js';
import { formatReport } from '../format-report.js';
import { checkReward, type RewardReport } from './check-reward.js';

type One = Sample<SamplePrompt>;
type Reward = RewardFunction<SamplePrompt>;
const samples = rewardSamples(4, 6);

/** The mean of the picture's values over 255. */
const brightness = ({ image }: One): number =>
  Array.from(image?.data ?? []).reduce((sum, value) => sum + value / 255 / 48, 0);
/** A reward of one sample at a time that wants a picture. */
const each = (rate: (sample: One, at: number, all: readonly One[]) => number | RewardResult): Reward => {
  return async (batch) =>
    batch.map((sample, at, all) => {
      if (sample.image === undefined) return failure('no image');
      const rated = rate(sample, at, all);
      return typeof rated === 'number' ? score(rated) : rated;
    });
};
const right = each(brightness);

const unusual = ({ checks }: RewardReport) =>
  checks
    .filter(({ level }) => level === 'error' || level === 'warning')
    .map(({ check, level, member }) => `${level}: ${check}${member ? ` of ${member}` : ''}`);
const findings = async (reward: Reward): Promise<string[]> => {
  const report = await checkReward(reward, { samples });
  const wrong = report.checks.filter(({ level }) => level === 'error' || level === 'warning');
  expect(report.passed).toBe(wrong.every(({ level }) => level === 'warning'));
  for (const { suggestion } of wrong) expect(suggestion?.length, formatReport(report)).toBeGreaterThan(20);
  return unusual(report);
};
const detail = async (reward: Reward, name: string, member?: string) => {
  const { checks } = await checkReward(reward, { samples });
  return checks.find((found) => found.check === name && found.member === member);
};

describe('checkReward', () => {
  it('has nothing against a right reward, and says what it measured', async () => {
    const report = await checkReward(right, { samples });
    expect(unusual(report), formatReport(report)).toEqual([]);
    expect(report.checks.map(({ check }) => check)).toEqual([
      ...[
        'results',
        'samples unchanged',
        'determinism',
        'order',
        'other groups',
        'group-mates',
        'missing parts',
      ],
      ...['failures', 'abstentions', 'spread', 'saturation', 'scale', 'speed'],
    ]);
    const told = Object.fromEntries(report.checks.map((found) => [found.check, found.detail]));
    expect(told.results).toBe('24 scores, 0 abstentions, 0 failures');
    expect(told.spread).toMatch(/^4 of 4 groups have different scores; std 0\.0/);
    expect(told.scale).toMatch(/^mean 0\.\d+, std 0\.0\d+, from 0\.\d+ to 0\.\d+$/);
    expect(told.speed).toMatch(/^[\d.]+ (µs|ms|s) per sample$/);
  });

  it('has nothing against a right ensemble, nested and with abstentions and a monitor', async () => {
    const sometimes = each((sample) =>
      sample.index % 3 === 0 ? abstain('no nouns') : brightness(sample) ** 2,
    );
    const inner = rewardEnsemble<SamplePrompt>({ sometimes, right });
    const ensemble = rewardEnsemble<SamplePrompt>({
      length: async (batch) => batch.map(({ plan }) => score((plan?.length ?? 0) / 100)),
      inner: { reward: inner, weight: 0.5 },
      judge: { reward: right, monitor: true },
    });
    const report = await checkReward(ensemble, { samples });
    expect(unusual(report), formatReport(report)).toEqual([]);
    expect(new Set(report.checks.map(({ member }) => member))).toEqual(
      new Set([undefined, 'length', 'inner', 'judge']),
    );
    expect(report.checks.find(({ check }) => check === 'balance')?.detail).toMatch(
      /inner \d+ %, length \d+ %; the largest is 1\.\d+ times the smallest$/,
    );
  });

  it('refuses samples that form no groups', async () => {
    await expect(checkReward(right, { samples: [] })).rejects.toThrow(/no samples/);
    await expect(checkReward(right, { samples: samples.slice(1) })).rejects.toThrow(/has 6 samples where/);
  });

  it('leaves the samples alone, and measures what one group or single samples allow', async () => {
    const own = rewardSamples(1, 3);
    const spoil = each((sample) => {
      sample.image?.data.fill(0);
      return brightness(sample);
    });
    await checkReward(spoil, { samples: own });
    expect(own).toEqual(rewardSamples(1, 3));
    const one = await checkReward(right, { samples: rewardSamples(1, 3) });
    expect(one.checks.find(({ check }) => check === 'other groups')?.detail).toMatch(/one group only/);
    const single = await checkReward(right, { samples: rewardSamples(3, 1) });
    expect(unusual(single)).toEqual([]);
    expect(single.checks.find(({ check }) => check === 'spread')?.detail).toMatch(/no group has two scores/);
  });
});

describe('a reward that breaks the contract', () => {
  it.each<[string, Reward, RegExp]>([
    ['drops a sample', async (batch) => (await right(batch)).slice(1), /returned 23 results for 24 samples/],
    ['gives NaN', each(() => Number.NaN), /returned the score NaN for sample 0/],
    ['gives infinity once', each((_, at) => (at === 5 ? 1 / 0 : 1)), /the score Infinity for sample 5/],
    [
      'gives bare numbers',
      (async () => samples.map(() => 1)) as unknown as Reward,
      /returned 1 for sample 0/,
    ],
    ['gives nothing', (async () => undefined) as unknown as Reward, /returned undefined/],
    ['has a bug', async () => (undefined as unknown as Reward[]).map(() => score(1)), /TypeError/],
  ])('%s', async (_, reward, message) => {
    expect(await findings(reward)).toEqual(['error: results']);
    expect((await detail(reward, 'results'))?.detail).toMatch(message);
    const ensemble = rewardEnsemble<SamplePrompt>({ right, wrong: reward });
    expect(await findings(ensemble)).toEqual(['error: results']);
    expect((await detail(ensemble, 'results'))?.detail).toMatch(/"wrong"/);
  });

  it.each<[string, Reward, string]>([
    [
      'changes pictures',
      each((sample) => {
        const value = brightness(sample);
        if (sample.image && sample.index === 3) sample.image.data[7] = 0;
        return value;
      }),
      'the reward changed samples[3].image.data[7]',
    ],
    [
      'changes tokens',
      async (batch) => {
        const results = await right(batch);
        batch[0]?.tokens.token?.reverse();
        return results;
      },
      'the reward changed samples[0].tokens.token[0]',
    ],
    [
      'changes the batch’s fields',
      each((sample) => {
        Object.assign(sample, { plan: sample.plan?.trim() });
        return brightness(sample);
      }),
      'the reward changed samples[0].plan',
    ],
  ])('%s', async (_, reward, message) => {
    expect(await findings(reward)).toEqual(['error: samples unchanged']);
    expect((await detail(reward, 'samples unchanged'))?.detail).toBe(message);
  });

  it('changes prompts', async () => {
    const own = rewardSamples(2, 2);
    const reward = each((sample) => {
      sample.prompt.nouns.push('cat');
      return brightness(sample);
    });
    const report = await checkReward(reward, { samples: own });
    expect(unusual(report)).toEqual(['error: samples unchanged']);
    expect(report.checks[1]?.detail).toBe('the reward changed samples[0].prompt.nouns.length');
  });

  for (const strength of [1e-3, 1e-2, 1]) {
    it(`looks at a sample's place, by ${strength}`, async () => {
      expect(await findings(each((sample, at) => brightness(sample) + strength * at))).toEqual([
        'error: order',
      ]);
    });

    it(`looks at the whole batch, by ${strength}`, async () => {
      const relative = each((sample, _, all) => {
        const mean = all.reduce((sum, other) => sum + brightness(other), 0) / all.length;
        return brightness(sample) + strength * (all.length + mean);
      });
      expect(await findings(relative)).toEqual(['error: other groups']);
      expect((await detail(relative, 'other groups'))?.detail).toMatch(/^group 0 alone: scores differ by/);
    });

    it(`compares within groups, by ${strength}, which is only told`, async () => {
      const relative = each((sample, _, all) => {
        const mates = all.filter(({ group }) => group === sample.group);
        return brightness(sample) + strength * mates.length;
      });
      expect(await findings(relative)).toEqual([]);
      expect(await detail(relative, 'group-mates')).toMatchObject({
        level: 'note',
        detail: expect.stringMatching(/a sample alone: scores differ .*on purpose/),
      });
    });
  }

  it('needs its group-mates, which is only told', async () => {
    const pairwise: Reward = async (batch) => {
      if (batch.length < 2) throw new BicotError('reward', 'a tournament takes two');
      return right(batch);
    };
    expect(await findings(pairwise)).toEqual([]);
    expect((await detail(pairwise, 'group-mates'))?.detail).toMatch(/alone cannot be scored.*takes two/);
  });

  it('answers in another order', async () => {
    const value = (result: RewardResult) => (result.kind === 'score' ? result.value : 0);
    const sorted: Reward = async (batch) => [...(await right(batch))].sort((a, b) => value(a) - value(b));
    expect(await findings(sorted)).toEqual(['error: order']);
  });
});

describe('a reward without image or plan', () => {
  const rate = (sample: One) => brightness(sample);
  it.each<[string, Reward, string[], RegExp]>([
    [
      'has a bug',
      async (batch) => batch.map(({ image }) => score((image as { data: Uint8Array }).data[0] as number)),
      ['error: missing parts'],
      /without an image: reward "reward" threw TypeError/,
    ],
    [
      'has a bug for plans only',
      async (batch) => batch.map((sample) => score((sample.plan as string).length + rate(sample) * 0)),
      ['error: missing parts'],
      /without a plan: .*TypeError/,
    ],
    [
      'scores zero',
      async (batch) => batch.map((sample) => score(rate(sample))),
      ['warning: missing parts'],
      /without an image scores 0 where it scores 0\.\d+ with it/,
    ],
    [
      'scores NaN',
      async (batch) => batch.map((sample) => score(sample.image ? rate(sample) : Number.NaN)),
      ['error: missing parts'],
      /score NaN/,
    ],
    [
      'refuses, which is only told',
      async (batch) => {
        if (batch.some(({ image }) => !image)) throw new BicotError('reward', 'needs pictures');
        return right(batch);
      },
      [],
      /without an image it refuses: .*needs pictures/,
    ],
    [
      'throws, which is a failure',
      async (batch) => {
        if (batch.some(({ image }) => !image)) throw new Error('cannot judge');
        return right(batch);
      },
      [],
      /^copes without image, plan, image and plan$/,
    ],
    [
      'gives less for no plan, which is only told',
      each((sample) => rate(sample) + (sample.plan ? 1 : 0)),
      [],
      /without a plan scores/,
    ],
  ])('%s', async (_, reward, expected, message) => {
    expect(await findings(reward)).toEqual(expected);
    expect((await detail(reward, 'missing parts'))?.detail).toMatch(message);
  });
});

describe('a reward that teaches little', () => {
  const noisy = (strength: number): Reward => {
    const stream = uniformStream('judge');
    return each((sample) => brightness(sample) + strength * (normalValues(stream, 1)[0] as number));
  };
  it.each([1e-5, 1e-3])('because it is noisy, by %d', async (strength) => {
    expect(await findings(noisy(strength))).toEqual(['warning: determinism']);
    expect((await detail(noisy(strength), 'determinism'))?.detail).toMatch(
      /two identical calls: scores differ by/,
    );
  });

  it('because it is mostly noise', async () => {
    expect(await findings(noisy(10))).toEqual(['warning: determinism', 'warning: spread']);
    expect((await detail(noisy(10), 'spread'))?.detail).toMatch(/mostly noise/);
  });

  it('because it fails now and then', async () => {
    let calls = 0;
    const flaky: Reward = async (batch) => {
      const results = [...(await right(batch))];
      if (calls++ % 2 === 1) results[0] = failure('timeout');
      return results;
    };
    expect(await findings(flaky)).toEqual(['warning: determinism']);
    calls = 0;
    expect((await detail(flaky, 'determinism'))?.detail).toMatch(/1 results change between/);
  });

  it('because it is constant', async () => {
    expect(await findings(each(() => 0.5))).toEqual(['warning: spread']);
    const perPrompt = each(({ group }) => group);
    expect(await findings(perPrompt)).toEqual(['warning: spread']);
    expect((await detail(perPrompt, 'spread'))?.detail).toBe('constant in all 4 groups: teaches nothing');
    const oneGroup = each((sample) => (sample.group === 2 ? brightness(sample) : 0.5));
    expect(await findings(oneGroup)).toEqual([]);
    expect((await detail(oneGroup, 'spread'))?.detail).toMatch(/^1 of 4 groups/);
  });

  it.each([
    ['highest', 1, 0],
    ['lowest', 0, 1],
  ])('because it is saturated at its %s', async (end, usual, rare) => {
    const saturated = each(({ group, index }) => (group === 1 && index === 1 ? rare : usual));
    expect(await findings(saturated)).toEqual(['warning: saturation']);
    expect((await detail(saturated, 'saturation'))?.detail).toBe(
      `96 % of 24 scores are the ${end}, ${usual}`,
    );
  });

  it('because it fails or abstains', async () => {
    const some = each((sample, at) =>
      sample.index === 0 ? failure(`timeout ${at === 0 ? 'a' : 'b'}`) : brightness(sample),
    );
    const named = await detail(some, 'failures');
    expect(named).toMatchObject({ level: 'warning', passed: true });
    expect(named?.detail).toBe('4 of 24 samples: timeout b (3 times), timeout a');
    const all: Reward = async () => {
      throw new Error('no network');
    };
    expect(await findings(all)).toEqual(['error: failures']);
    expect((await detail(all, 'failures'))?.detail).toBe('every sample: no network (24 times)');
    expect(await findings(each(() => abstain()))).toEqual(['warning: abstentions']);
    const partly = each((sample) => (sample.group === 0 ? abstain('no nouns') : brightness(sample)));
    expect(await findings(partly)).toEqual([]);
    expect((await detail(partly, 'abstentions'))?.detail).toBe('6 of 24 samples: no nouns (6 times)');
  });
});

describe('an ensemble', () => {
  const scaled = (factor: number) => each((sample) => factor * brightness(sample));
  const dark = each((sample) => sample.image?.data[0] as number);

  it('that one member dominates', async () => {
    const ensemble = rewardEnsemble<SamplePrompt>({ loud: scaled(1000), quiet: scaled(1) });
    expect(await findings(ensemble)).toEqual(['warning: balance']);
    expect((await detail(ensemble, 'balance'))?.detail).toBe(
      'share of the weighted spread within groups: loud 100 %, quiet 0 %; the largest is 1000 times the smallest',
    );
    const weighed = rewardEnsemble<SamplePrompt>({
      loud: { reward: scaled(1000), weight: -0.001 },
      dark: scaled(2),
    });
    expect(await findings(weighed)).toEqual([]);
    expect((await detail(weighed, 'balance'))?.detail).toMatch(
      /dark 67 %, loud 33 %; the largest is 2 times the smallest/,
    );
    const standardised = rewardEnsemble<SamplePrompt>(
      { loud: scaled(1000), quiet: scaled(1) },
      { aggregation: 'normalize-then-sum' },
    );
    expect(await findings(standardised)).toEqual([]);
    expect((await detail(standardised, 'balance'))?.detail).toMatch(/of the weights: loud 50 %, quiet 50 %/);
  });

  it('names the member at fault, and forgives a monitor that is constant', async () => {
    const flat = each(() => 1);
    expect(await findings(rewardEnsemble<SamplePrompt>({ right, flat, dark: scaled(2) }))).toEqual([
      'warning: spread of flat',
    ]);
    expect(
      await findings(rewardEnsemble<SamplePrompt>({ right, flat: { reward: flat, monitor: true } })),
    ).toEqual([]);
    const shifty = each((sample, _, all) => brightness(sample) + all.length);
    const ensemble = rewardEnsemble<SamplePrompt>({ dark, shifty });
    expect((await detail(ensemble, 'other groups'))?.detail).toMatch(/"shifty": scores differ/);
  });
});
