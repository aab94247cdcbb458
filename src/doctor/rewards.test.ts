import { describe, expect, it } from 'vitest';
import { low, matches, oneLevelRun, type Run } from '../../test/support/doctor-runs.js';
import { dapo } from '../objective/presets.js';
import { rewardEnsemble } from '../rewards/ensemble/ensemble.js';
import { abstain, failure, score } from '../rewards/reward.js';
import { doctor } from './doctor.js';

describe('the doctor on rewards', () => {
  it('tells failures and abstentions', async () => {
    const reward = rewardEnsemble<number>({
      low,
      broken: async (samples) => samples.map((_, i) => (i % 5 === 0 ? failure('timeout') : score(i % 7))),
      silent: async (samples) => samples.map(() => abstain()),
    });
    const { findings } = await doctor({ ...oneLevelRun(), reward }, { probe: false });
    expect(findings.filter(({ code }) => code.startsWith('reward-'))).toMatchObject([
      { code: 'reward-failures', reward: 'broken', evidence: expect.stringContaining('timeout') },
      { code: 'reward-abstentions', reward: 'silent' },
    ]);
  });

  it('blames failures for groups that they leave without scores', async () => {
    const failing = (keep: (group: number, i: number) => boolean): Run => ({
      ...oneLevelRun(),
      reward: async (samples) =>
        (await low(samples)).map((result, i) =>
          keep(Math.floor(i / 8), i % 8) ? result : failure('connection refused'),
        ),
    });
    const all = await doctor(failing(() => false));
    expect(all.findings).toMatchObject([{ code: 'reward-failures', severity: 'error' }]);
    expect(all.rungs.find(({ rung }) => rung === 'rewards')?.evidence).toBe(
      'none of 12 groups has two scores, as rewards failed',
    );
    const most = await doctor(failing((group, i) => group === 0 || i === 0));
    expect(most.findings).toMatchObject([{ code: 'reward-failures', severity: 'error' }]);
    expect(most.rungs.find(({ rung }) => rung === 'rewards')?.evidence).toMatch(
      /^\d of 3 groups \(9 others have no two scores, as rewards failed\) have no spread/,
    );
  });

  it('tells flat groups that are sampled again as what they cost', async () => {
    let groups = 0;
    const reward: Run['reward'] = async (samples) =>
      (await matches(samples)).map((result, i) => {
        if (i % 8 === 0) groups++;
        return groups % 4 > 0 ? score(0.5) : result;
      });
    const kept = await doctor({ ...oneLevelRun(), reward }, { probe: false });
    expect(kept.findings).toMatchObject([{ code: 'flat-groups', severity: 'warning' }]);
    expect(kept.findings[0]?.suggestion).toContain('zeroVariance: { resample: n }');
    groups = 0;
    const again = await doctor({ ...oneLevelRun(), reward, objective: dapo() }, { probe: false });
    expect(again.findings).toMatchObject([{ code: 'flat-groups', severity: 'note' }]);
    expect(again.findings[0]?.evidence).toMatch(
      /^9 of 12 .*resample 3\): expect 173 % more sampling, with 32 % of the groups still flat$/,
    );
  });

  it.each(['sum-then-normalize', 'normalize-then-sum'] as const)(
    'says of rewards that cancel that they do: %s',
    async (aggregation) => {
      const negative: Run['reward'] = async (samples) =>
        (await low(samples)).map((result) => (result.kind === 'score' ? score(-result.value) : result));
      const reward = rewardEnsemble<number>({ low, negative }, { aggregation });
      const { findings } = await doctor({ ...oneLevelRun(), reward }, { probe: false });
      const [flat] = findings.filter(({ code }) => code === 'flat-groups');
      expect(flat).toMatchObject({
        severity: 'error',
        message: expect.stringMatching(/^The rewards cancel/),
      });
      expect(flat?.suggestion).toContain('weights');
    },
  );

  it('notes rewards that say the same or the opposite', async () => {
    const negative: Run['reward'] = async (samples) =>
      (await low(samples)).map((result) => (result.kind === 'score' ? score(-0.5 * result.value) : result));
    const reward = rewardEnsemble<number>({ low, again: low, negative });
    const { findings } = await doctor({ ...oneLevelRun(), reward }, { probe: false });
    expect(
      findings.filter(({ code }) => code === 'correlated-rewards').map(({ message }) => message),
    ).toEqual([
      "The rewards 'low' and 'again' say the same.",
      "The rewards 'low' and 'negative' say the opposite of each other.",
      "The rewards 'again' and 'negative' say the opposite of each other.",
    ]);
  });
});
