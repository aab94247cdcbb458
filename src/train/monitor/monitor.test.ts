import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { twoLevelRun } from '../../../test/support/doctor-runs.js';
import { normalValues, uniformStream } from '../../tensor/noise.js';
import { type Finding, formatFindings, percentBeside } from '../findings.js';
import type { LevelMetrics, StepMetrics } from '../metrics.js';
import { train } from '../train.js';
import { trainingMonitor } from './monitor.js';
import type { MonitorOptions } from './options.js';

const STEPS = 120;
const FAULT = 60;

/** What a reward gave, of which the monitor reads the mean and the silence. */
const scored = (mean: number): StepMetrics['reward']['byMember'][string] => ({
  ...{ mean, std: 0.1, abstained: 0, failed: 0 },
  ...{ groupStd: 0.1, zeroVarianceFraction: 0, correlation: 0.5 },
});

/** What a test changes in one step. */
interface Changes {
  readonly top?: Partial<StepMetrics>;
  readonly level?: Partial<LevelMetrics> & { gradNorm?: number };
  readonly plan?: Partial<LevelMetrics> & { gradNorm?: number };
  readonly reward?: Partial<StepMetrics['reward']> & { shares?: Record<string, number> };
  readonly advantages?: Partial<StepMetrics['advantages']>;
  readonly member?: Partial<StepMetrics['reward']['byMember'][string]>;
}

/** Steps of a healthy run: rewards rise, entropy falls, KL grows, and everything is noisy. */
function stream(seed: number, change: (step: number) => Changes = () => ({}), steps = STEPS): StepMetrics[] {
  const noise = normalValues(uniformStream('monitor', seed), steps * 8);
  return Array.from({ length: steps }, (_, step) => {
    const n = (i: number) => noise[step * 8 + i] as number;
    const { top, level, plan, reward, advantages, member } = change(step);
    const progress = step / steps;
    const ofLevel = (scale: number, own: Changes['level']) =>
      ({
        trained: true,
        kl: scale * 0.05 * progress * Math.exp(0.4 * n(0)),
        approxKl: 1e-9,
        maxRatioDeviation: 1e-6 * Math.exp(n(1)),
        meanRatio: 1 + 0.002 * n(2),
        clipFraction: 0,
        entropy: (4 - 1.5 * progress) * Math.exp(0.05 * n(3)),
        meanLength: 8,
        tokens: 256,
        guidanceGap: 0,
        ...{ gradNorm: 0.5 * scale * Math.exp(0.4 * n(4)) },
        ...own,
      }) as LevelMetrics;
    const share = 0.6 + 0.1 * Math.tanh(n(5));
    return {
      step,
      reward: {
        samples: 32,
        mean: 0.3 + 0.4 * progress + 0.05 * n(6),
        std: 0.2,
        byMember: {
          first: { ...scored(0.4), ...member },
          second: { ...scored(0.2), abstained: 10 },
        },
        dropped: 0,
        monitors: { judge: scored(0.3 + 0.1 * progress + 0.05 * n(7)) },
        ...{ shares: { first: share, second: 1 - share } },
        ...reward,
      },
      advantages: {
        ...{ std: 0.9, zeroVarianceFraction: step % 4 === 0 ? 0.5 : 0.25, resampled: 0 },
        ...advantages,
      },
      levels: { semantic: ofLevel(0.3, plan), token: ofLevel(1, level) },
      loss: -0.1,
      gradNorm: 0.6 * Math.exp(0.5 * n(4)),
      learningRate: 1e-5,
      tokensPerSecond: 100,
      calls: {},
      seconds: { total: 1, rollout: 0.5, reward: 0.1, reference: 0.1, update: 0.3 },
      ...top,
    };
  });
}

function watch(metrics: readonly StepMetrics[], options?: MonitorOptions): Finding[] {
  const monitor = trainingMonitor(options);
  return metrics.flatMap((step) => monitor(step));
}

const brief = (findings: readonly Finding[]) => findings.map(({ code, step }) => [code, step]);

describe('trainingMonitor', () => {
  it('is silent on healthy noisy runs', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(watch(stream(seed))).toEqual([]);
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('is silent on a real run', async () => {
    const run = twoLevelRun();
    const monitor = trainingMonitor();
    for await (const { metrics } of train({ ...run, steps: 25 })) expect(monitor(metrics)).toEqual([]);
  });

  it('is silent on a held-out reward that only wavers, and on groups that are flat now and then', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const noise = normalValues(uniformStream('wavering', seed), STEPS);
        const wavering = stream(seed, (step) => ({
          reward: { monitors: { judge: scored(0.3 + 0.1 * (noise[step] as number)) } },
          // Nothing to learn in every seventh step.
          ...(step % 7 === 0 && {
            advantages: { std: 0, zeroVarianceFraction: 1 },
            top: { gradNorm: 1e-4 },
          }),
        }));
        expect(watch(wavering)).toEqual([]);
      }),
      { seed: 2, numRuns: 150 },
    );
  });

  const from = (change: Changes) => (step: number) => (step >= FAULT ? change : {});
  const at = (change: Changes) => (step: number) => (step === FAULT ? change : {});
  /** The event, its finding, the last step at which it must be found. */
  const events: [string, Finding['code'], number, (step: number) => Changes][] = [
    ['ratio 0.012 off', 'ratio-not-one', 60, from({ level: { maxRatioDeviation: 0.012 } })],
    ['ratio 0.2 off', 'ratio-not-one', 60, from({ level: { maxRatioDeviation: 0.2 } })],
    ['ratio 20 off', 'ratio-not-one', 60, from({ level: { maxRatioDeviation: 20 } })],
    ['mean ratio 1.12', 'ratio-not-one', 60, from({ level: { meanRatio: 1.12 } })],
    ['mean ratio 0.5', 'ratio-not-one', 60, from({ level: { meanRatio: 0.5 } })],
    ['KL 20 times its history', 'kl-explosion', 64, from({ level: { kl: 0.5 } })],
    ['KL 4', 'kl-explosion', 64, from({ level: { kl: 4 } })],
    ['KL 1e9 in one step', 'kl-explosion', 60, at({ level: { kl: 1e9 } })],
    ['gradient 15 times as large', 'gradient-explosion', 60, at({ top: { gradNorm: 9 } })],
    ['gradient 1000 times as large', 'gradient-explosion', 60, from({ top: { gradNorm: 600 } })],
    ['gradient 1e8', 'gradient-explosion', 60, at({ top: { gradNorm: 1e8 } })],
    ['gradient 0', 'no-gradient', 60, at({ top: { gradNorm: 0 } })],
    ['a level at 0.5 percent', 'frozen-level', 69, from({ plan: { gradNorm: 0.0025 } })],
    ['a level at 0', 'frozen-level', 69, from({ plan: { gradNorm: 0 } })],
    ['entropy at a sixth', 'entropy-collapse', 64, from({ level: { entropy: 0.65 } })],
    ['entropy at 0', 'entropy-collapse', 64, from({ level: { entropy: 0 } })],
    ['60 percent flat', 'flat-groups', 69, from({ advantages: { zeroVarianceFraction: 0.6 } })],
    ['all flat', 'flat-groups', 69, from({ advantages: { zeroVarianceFraction: 1, std: 0 } })],
    ['a share of 0.92', 'dominating-reward', 69, from({ reward: { shares: { first: 0.92, second: 0.08 } } })],
    ['a share of 1.2', 'dominating-reward', 69, from({ reward: { shares: { first: 1.2, second: -0.2 } } })],
    ['failing on 12 percent', 'reward-failures', 69, from({ member: { failed: 4 } })],
    ['failing on all', 'reward-failures', 61, from({ member: { failed: 32 } })],
    ['abstaining on 94 percent', 'reward-abstentions', 69, from({ member: { abstained: 30 } })],
    ['a loss of NaN', 'non-finite', 60, at({ top: { loss: Number.NaN } })],
    ['an infinite KL', 'non-finite', 60, at({ level: { kl: Number.POSITIVE_INFINITY } })],
  ];
  it.each(events)('%s', (_, code, latest, change) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const found = watch(stream(seed, change)).filter((finding) => finding.code === code);
      expect(found).toHaveLength(1);
      const [finding] = found as [Finding];
      expect(finding.step).toBeGreaterThanOrEqual(FAULT);
      expect(finding.step).toBeLessThanOrEqual(latest);
    }
  });

  it.each([
    ['by two standard deviations in 40 steps', 0.1, 80],
    ['by four', 0.2, 50],
    ['by twenty', 1, 30],
  ])('a held-out reward that falls while the trained one rises: %s', (_, fall, within) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const noise = normalValues(uniformStream('fall', seed), 2 * STEPS + 80);
      const hacked = stream(
        seed,
        (step) => ({
          reward: {
            mean: 0.3 + 0.4 * (step / STEPS) + 0.05 * (noise[2 * step] as number),
            monitors: {
              judge: scored(
                0.5 - (fall * Math.max(0, step - FAULT)) / 40 + 0.05 * (noise[2 * step + 1] as number),
              ),
            },
          },
        }),
        STEPS + 40,
      );
      const found = watch(hacked);
      expect(brief(found).map(([code]) => code)).toEqual(['reward-hacking']);
      expect(found[0]).toMatchObject({ reward: 'judge', severity: 'warning' });
      expect(found[0]?.step).toBeGreaterThan(FAULT);
      expect(found[0]?.step).toBeLessThan(FAULT + within);
    }
  });

  /** A trained reward that gets all there is within a few steps, and what a judge of two prompts a step says meanwhile. */
  const suddenRise = (seed: number, judge: (step: number, solved: number, own: number) => number) => {
    const uniform = uniformStream('sudden', seed);
    const own = normalValues(uniformStream('sudden noise', seed), STEPS);
    return stream(seed, (step) => ({
      reward: {
        mean: Math.min(1, 0.1 + 0.2 * Math.max(0, step - 4)) + 0.02 * (own[step] as number),
        monitors: {
          judge: scored(
            judge(step, (Number(uniform() < 0.5) + Number(uniform() < 0.5)) / 2, own[step] as number),
          ),
        },
      },
    }));
  };

  it('a held-out reward that falls to nothing in the first steps, and with it all noise', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const found = watch(suddenRise(seed, (step, solved) => (step < 6 ? 0.25 + solved / 2 : 0)));
      expect(found).toEqual([
        expect.objectContaining({ code: 'reward-hacking', reward: 'judge', severity: 'warning' }),
      ]);
      expect(found[0]?.evidence).toContain("along the reward's rise");
      // As soon as enough is known: half of the window.
      expect(found[0]?.step).toBe(39);
    }
  });

  it('is silent on a sudden rise that the judge takes no notice of, whatever its noise', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(watch(suddenRise(seed, (_, solved) => solved))).toEqual([]);
        // Prompts that please the trained reward displease the judge.
        expect(watch(suddenRise(seed, (_, solved, own) => 0.5 - 0.1 * own + 0.1 * (solved - 0.5)))).toEqual(
          [],
        );
      }),
      { seed: 3, numRuns: 75 },
    );
  });

  it('writes a share apart from its limit', () => {
    const [finding] = watch(stream(1, from({ reward: { shares: { first: 0.9012, second: 0.0988 } } })), {
      window: 1,
    });
    expect(finding?.evidence).toBe('its share is 90.1 % over 1 steps (allowed: 90 %)');
    expect([0.5, 0.90004, 0.9, 0.9000001].map((share) => percentBeside(share, 0.9))).toEqual([
      ...['50 %', '90.004 %', '90 %', '90.000 %'],
    ]);
  });

  it('blames failures, not the flat groups that they make', () => {
    const failing = from({
      reward: { byMember: { only: { ...scored(Number.NaN), std: Number.NaN, failed: 30 } } },
      advantages: { zeroVarianceFraction: 1, std: 0 },
    });
    expect(brief(watch(stream(1, failing))).map(([code]) => code)).toEqual(['reward-failures']);
  });

  it('only notes flat groups that others are sampled in place of', () => {
    const advantages = { zeroVarianceFraction: 0.7, resampled: 6 };
    const [finding] = watch(stream(1, from({ advantages })));
    expect(finding).toMatchObject({ code: 'flat-groups', severity: 'note' });
    expect(finding?.evidence).toContain('6 groups of this step were sampled in place of such ones');
  });

  it('a rare token now and then is no KL explosion', () => {
    const spikes = stream(1, (step) => (step % 9 === 0 ? { level: { kl: 8 } } : {}));
    expect(watch(spikes)).toEqual([]);
  });

  it('one bad step of the monitor is no trend', () => {
    const dip = stream(1, (step) => (step === 100 ? { reward: { monitors: { judge: scored(-3) } } } : {}));
    expect(watch(dip)).toEqual([]);
  });

  it('says it once, and again only after it went away', () => {
    const wavering = (step: number): Changes => {
      // At the threshold, then away, then back.
      if (step >= 40 && step < 60) return { level: { maxRatioDeviation: step % 2 === 0 ? 0.011 : 0.009 } };
      return step === 80 ? { level: { maxRatioDeviation: 0.011 } } : {};
    };
    expect(brief(watch(stream(1, wavering)))).toEqual([
      ['ratio-not-one', 40],
      ['ratio-not-one', 80],
    ]);
  });

  it('names level, reward, and what is allowed', () => {
    const [finding] = watch(stream(1, from({ level: { maxRatioDeviation: 0.2 } })));
    expect(finding).toMatchObject({ level: 'token', step: 60, severity: 'error' });
    expect(formatFindings([finding as Finding])).toBe(
      [
        "ERROR ratio-not-one (step 60, level token): Before any update, the policy's probabilities at level 'token' are not those it was sampled with.",
        '  measured: max |ratio − 1| = 0.2 (allowed: 0.01)',
        '  to do: Run the doctor: it says whether temperature, guidance, padding or dropout is the cause.',
      ].join('\n'),
    );
    expect(formatFindings([])).toBe('No findings.');
  });

  it('reads lines of a log, where NaN is null and old lines lack the newer fields', () => {
    const lines = stream(3, (step) => ({
      ...(step === 70 && { top: { loss: Number.NaN } }),
      // No sample could be scored in one step.
      reward: {
        shares: undefined,
        ...(step === 30 && { mean: Number.NaN, monitors: { judge: scored(Number.NaN) } }),
      },
      level: { gradNorm: undefined },
      plan: { gradNorm: undefined },
    })).map((metrics) => JSON.parse(JSON.stringify(metrics)) as StepMetrics);
    const found = watch(lines);
    expect(brief(found)).toEqual([['non-finite', 70]]);
    expect(found[0]?.evidence).toBe('loss = null');
  });

  it('takes other thresholds, and refuses those that make no sense', () => {
    const off = from({ level: { maxRatioDeviation: 0.2 } });
    expect(watch(stream(1, off), { ratioTolerance: 1 })).toEqual([]);
    expect(watch(stream(1, off), { ratioTolerance: undefined })).toHaveLength(1);
    expect(() => trainingMonitor({ window: 0 })).toThrow(expect.objectContaining({ code: 'value' }));
    expect(() => trainingMonitor({ windows: 3 } as MonitorOptions)).toThrow(/windows.*expected/);
  });
});
