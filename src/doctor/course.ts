import type { StepMetrics } from '../train/metrics.js';
import { linearTrend } from '../train/monitor/trend.js';

/** How the reward of a probe went. */
export interface Course {
  /** Mean of the last steps; NaN if nothing was scored. */
  readonly last: number;
  /** From the first step to the last ones. */
  readonly change: number;
  /** Standard error of `last`, by the spread of the samples. */
  readonly error: number;
  /** Of the straight line through all steps: sees a slow rise. */
  readonly t: number;
  /** Of the last steps against the first, by the spread of the samples: sees a jump that has ended. */
  readonly z: number;
}

/** Steps at the end of the probe that are compared with its first. */
const LAST = 3;

/**
 * How the reward went over the steps that could be scored.
 * @param samples of each step
 */
export function courseOf(records: readonly StepMetrics[], samples: number): Course {
  const scored = records.filter(({ reward }) => !Number.isNaN(reward.mean));
  const { t } = linearTrend(scored.map(({ reward }) => reward.mean));
  const [first] = scored;
  const last = scored.slice(1).slice(-LAST);
  if (!first || last.length === 0)
    return { last: first?.reward.mean ?? Number.NaN, change: 0, error: 0, t, z: 0 };
  const mean = last.reduce((sum, { reward }) => sum + reward.mean, 0) / last.length;
  const change = mean - first.reward.mean;
  const lastVariance = last.reduce((sum, { reward }) => sum + reward.std ** 2, 0) / last.length ** 2;
  const error = Math.sqrt((first.reward.std ** 2 + lastVariance) / samples);
  return {
    last: mean,
    change,
    error: Math.sqrt(lastVariance / samples),
    t,
    z: change === 0 ? 0 : change / error,
  };
}

/** How sure a rise is, in standard errors. */
export const certainty = ({ t, z }: Course): number => Math.max(t, z);
