import type { CallStatistics } from '../../rewards/ensemble/report.js';
import type { RewardStatistics } from '../../rewards/ensemble/statistics.js';
import type { LevelMetrics, StepMetrics } from '../../train/metrics.js';

/** Numbers by the names that TensorBoard groups them by. */
export type Scalars = Readonly<Record<string, number>>;

/**
 * A step's metrics under the names that people know from other trainers. docs/metrics.md lists them.
 * @returns without those that are NaN, as they say that there is no number
 */
export function stepScalars(metrics: StepMetrics): Scalars {
  const { reward, advantages, levels, seconds, calls } = metrics;
  const all: [string, number][] = [
    ['charts/learning_rate', metrics.learningRate],
    ['charts/tokens_per_second', metrics.tokensPerSecond],
    ['losses/loss', metrics.loss],
    ['losses/grad_norm', metrics.gradNorm],
    ['reward/mean', reward.mean],
    ['reward/std', reward.std],
    ['reward/samples', reward.samples],
    ['reward/dropped', reward.dropped],
    ...each(reward.byMember, (name, member) => [
      [OF_TOTAL.includes(name) ? `reward/${name}/mean` : `reward/${name}`, member.mean],
      ...memberScalars(`reward_members/${name}`, member),
    ]),
    ...each(reward.shares, (name, share) => [[`reward_members/${name}/share`, share]]),
    ...each(reward.monitors, (name, member) => [
      [`monitors/${name}`, member.mean],
      ...memberScalars(`monitor_members/${name}`, member),
    ]),
    ['advantages/std', advantages.std],
    ['advantages/zero_variance_fraction', advantages.zeroVarianceFraction],
    ['advantages/resampled', advantages.resampled],
    ...each(levels, (name, level) => levelScalars(`levels/${name}`, level)),
    ...Object.entries(seconds).map(([name, value]): [string, number] => [`seconds/${name}`, value]),
    ...each(calls, (name, call) => callScalars(`calls/${name}`, call)),
  ];
  return Object.fromEntries(all.filter(([, value]) => !Number.isNaN(value)));
}

/** What is said of the total: a member of that name gets a name of its own. */
const OF_TOTAL: readonly string[] = ['mean', 'std', 'samples', 'dropped'];

function each<T>(
  record: Readonly<Record<string, T>>,
  scalars: (name: string, value: T) => [string, number][],
): [string, number][] {
  return Object.entries(record).flatMap(([name, value]) => scalars(name, value));
}

const memberScalars = (prefix: string, member: RewardStatistics): [string, number][] => [
  [`${prefix}/std`, member.std],
  [`${prefix}/group_std`, member.groupStd],
  [`${prefix}/zero_variance_fraction`, member.zeroVarianceFraction],
  [`${prefix}/correlation`, member.correlation],
  [`${prefix}/abstained`, member.abstained],
  [`${prefix}/failed`, member.failed],
];

const levelScalars = (prefix: string, level: LevelMetrics): [string, number][] => [
  [`${prefix}/trained`, Number(level.trained)],
  [`${prefix}/kl`, level.kl],
  [`${prefix}/approx_kl`, level.approxKl],
  [`${prefix}/max_ratio_deviation`, level.maxRatioDeviation],
  [`${prefix}/mean_ratio`, level.meanRatio],
  [`${prefix}/clip_fraction`, level.clipFraction],
  [`${prefix}/entropy`, level.entropy],
  [`${prefix}/mean_length`, level.meanLength],
  [`${prefix}/tokens`, level.tokens],
  [`${prefix}/guidance_gap`, level.guidanceGap],
  [`${prefix}/grad_norm`, level.gradNorm],
  [`${prefix}/kl_weight`, level.klWeight],
  [`${prefix}/entropy_weight`, level.entropyWeight],
];

const callScalars = (prefix: string, call: CallStatistics): [string, number][] => [
  [`${prefix}/calls`, call.calls],
  [`${prefix}/retries`, call.retries],
  [`${prefix}/failed_calls`, call.failedCalls],
  [`${prefix}/cached`, call.cached],
  [`${prefix}/seconds`, call.seconds],
  [`${prefix}/slowest`, call.slowest],
];
