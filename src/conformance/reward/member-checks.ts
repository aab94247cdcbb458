import type { RewardResult } from '../../rewards/reward.js';
import { error, type Measured, note, ok, warning } from '../check-result.js';
import type { Check } from '../run-checks.js';
import { short } from './compare.js';
import { groupSpreads, momentsOf } from './moments.js';

/** What one reward said, alone or as an ensemble's member or total. */
export interface Series {
  /** `[N]`, NaN where there is no score. */
  readonly values: Float64Array;
  /** `[N]`; absent for a total, whose members have findings of their own. */
  readonly results?: readonly RewardResult[];
  /** G. */
  readonly groupSize: number;
  /** Watched, never trained on. */
  readonly monitor: boolean;
  /** Standard deviation of one call around the mean of many. */
  readonly noise: number;
  /** Wall time of the batch. */
  readonly seconds?: number;
}

/** Share of the scores at one end of their range from which on they say too little. */
const SATURATED = 0.9;

/** What is checked of each member's scores. */
export const memberChecks: readonly Check<Series>[] = [
  {
    check: 'failures',
    suggestion: 'Look into the reasons: a sample that fails is left out of its group, so it teaches nothing.',
    measure: ({ results = [] }) => {
      const { count, share, reasons } = reasonsOf(results, 'failure');
      if (count === 0) return ok('none');
      return count === results.length ? error(`every sample: ${reasons}`) : warning(`${share}: ${reasons}`);
    },
  },
  {
    check: 'abstentions',
    needs: ['failures'],
    suggestion:
      'Check with samples that the reward applies to, and that it finds what it needs in sample.prompt.',
    measure: ({ results = [] }) => {
      const { count, share, reasons } = reasonsOf(results, 'abstain');
      if (count === 0) return ok('none');
      return count === results.length
        ? warning(`for every sample: ${reasons}`)
        : note(`${share}: ${reasons}`);
    },
  },
  {
    check: 'spread',
    needs: ['failures'],
    suggestion:
      'Only differences within a group teach: grade what is all or nothing, sample more per prompt, or check with samples that differ.',
    measure: measureSpread,
  },
  {
    check: 'saturation',
    needs: ['failures'],
    suggestion: 'Most samples are as good as any other: use a finer scale, or harder (or easier) prompts.',
    measure: measureSaturation,
  },
  {
    check: 'scale',
    needs: ['failures'],
    measure: ({ values }) => {
      const { count, mean, std, min, max } = momentsOf(values);
      if (count === 0) return note('no scores');
      return ok(`mean ${short(mean)}, std ${short(std)}, from ${short(min)} to ${short(max)}`);
    },
  },
  {
    check: 'speed',
    measure: ({ values, seconds }) =>
      seconds === undefined ? note('not measured') : ok(`${duration(seconds / values.length)} per sample`),
  },
];

/** What is checked of an ensemble's total. */
export const totalChecks: readonly Check<Series>[] = memberChecks
  .filter(({ check }) => ['spread', 'saturation', 'scale'].includes(check))
  .map((check) => ({ ...check, needs: [] }));

function measureSpread({ values, groupSize, monitor, noise }: Series): Measured {
  const spreads = groupSpreads(values, groupSize);
  if (spreads.length === 0) return note('not measured: no group has two scores');
  const { min, max } = momentsOf(values);
  const tiny = 1e-6 * Math.max(Math.abs(min), Math.abs(max));
  const differing = spreads.filter((std) => std > tiny).length;
  if (differing === 0) {
    const detail = `constant in all ${spreads.length} groups: teaches nothing`;
    return monitor ? note(detail) : warning(detail);
  }
  const mean = spreads.reduce((sum, std) => sum + std, 0) / spreads.length;
  const detail = `${differing} of ${spreads.length} groups have different scores; std ${short(mean)} within a group`;
  // Half of the variance.
  if (2 * noise ** 2 <= mean ** 2) return ok(detail);
  return warning(
    `${detail}, of which noise alone makes ${short(noise)}: mostly noise`,
    'Make the judge deterministic (temperature 0, a fixed seed), or average several of its opinions.',
  );
}

function measureSaturation({ values }: Series): Measured {
  const { count, min, max } = momentsOf(values);
  if (count === 0 || min === max) return note('not measured: no two different scores');
  const ends = [
    { end: 'highest', value: max },
    { end: 'lowest', value: min },
  ].map((one) => ({ ...one, share: values.filter((value) => value === one.value).length / count }));
  const worst = ends.reduce((a, b) => (b.share > a.share ? b : a));
  const detail = `${Math.round(100 * worst.share)} % of ${count} scores are the ${worst.end}, ${short(worst.value)}`;
  return worst.share > SATURATED ? warning(detail) : ok(detail);
}

/** A time in the unit that suits it. */
function duration(seconds: number): string {
  if (seconds < 1e-3) return `${short(1e6 * seconds)} µs`;
  return seconds < 1 ? `${short(1e3 * seconds)} ms` : `${short(seconds)} s`;
}

/** How many results are of a kind, and why; the most frequent reasons first. */
function reasonsOf(
  results: readonly RewardResult[],
  kind: 'abstain' | 'failure',
): { count: number; share: string; reasons: string } {
  const counts = new Map<string, number>();
  for (const result of results) {
    if (result.kind === 'score' || result.kind !== kind) continue;
    const reason = result.reason ?? 'no reason given';
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const count = sorted.reduce((sum, [, times]) => sum + times, 0);
  const first = sorted
    .slice(0, 3)
    .map(([reason, times]) => (times > 1 ? `${reason} (${times} times)` : reason));
  const more = sorted.length > 3 ? `, and ${sorted.length - 3} other reasons` : '';
  return { count, share: `${count} of ${results.length} samples`, reasons: `${first.join(', ')}${more}` };
}
