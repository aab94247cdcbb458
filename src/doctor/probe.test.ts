import { describe, expect, it } from 'vitest';
import { matches, oneLevelRun } from '../../test/support/doctor-runs.js';
import { doctor } from './doctor.js';

describe("the doctor's probe", () => {
  it('tells a reward that dies after a while', async () => {
    let calls = 0;
    const run = oneLevelRun();
    const report = await doctor({
      ...run,
      reward: async (samples) => {
        if (calls++ > 4) throw new Error('rate limit');
        return matches(samples);
      },
    });
    expect(report.healthy).toBe(false);
    const finding = report.findings.find(({ code }) => code === 'reward-failures');
    expect(finding).toMatchObject({ severity: 'error', evidence: expect.stringContaining('rate limit') });
    expect(report.rungs.at(-1)?.evidence).toMatch(/in 20 steps \(\d of them could be scored\)/);
  });

  it('says that the learning rate is 0, where it is', async () => {
    const { findings } = await doctor({ ...oneLevelRun(), learningRate: 0 });
    expect(findings).toMatchObject([
      { code: 'not-learning', severity: 'warning', suggestion: expect.stringMatching(/learning rate is 0/) },
    ]);
  });
});
