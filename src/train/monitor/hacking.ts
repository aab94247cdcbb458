import { digits } from '../findings.js';
import type { MonitorView } from './options.js';
import { type Alarm, alarmState, mean, numberOf } from './state.js';
import { linearTrend, risingFit, type Trend } from './trend.js';

/** How sure a rise of the trained reward, or a fall that another measure is surer of, must be, in standard errors. */
const LEAST = 3;

/** Steps to either side that say how far the trained reward had come. */
const NEIGHBOURS = 4;

/**
 * A held-out reward that falls while the trained one rises: over time, or, where the trained one rose in a few steps
 * and then stood still, along that rise. A line over time fits a sudden fall badly, however plain it is.
 *
 * False alarms, in simulated runs of 400 steps without any fall (4 courses of the trained reward, 500 runs each): none
 * where the two rewards' noise is independent (2000 runs of normal, 2000 of all-or-nothing noise), 2 of 2000 where
 * prompts that please one displease the other (a correlation of -0.9).
 */
export function hacking({ metrics, series, settings }: MonitorView): Alarm[] {
  const { trendWindow, hacking: limit } = settings;
  series.push('reward', numberOf(metrics.reward.mean));
  const rewards = series.window('reward', trendWindow);
  const reward = linearTrend(rewards);
  const progress = risingFit(amongNeighbours(rewards));
  return Object.entries(metrics.reward.monitors).map(([name, { mean: value }]) => {
    series.push(`monitor/${name}`, numberOf(value));
    const watched = series.window(`monitor/${name}`, trendWindow);
    const overTime = linearTrend(watched);
    const along = linearTrend(watched, progress);
    const known = Math.min(overTime.count, reward.count) >= trendWindow / 2;
    // What falls along the rise must fall over time as well, if less surely.
    const sureAlong = Math.min(-along.t, (-overTime.t / LEAST) * limit);
    const sudden = sureAlong > -overTime.t;
    // The fall decides; the rise keeps out what falls together.
    const certainty = Math.min(Math.max(-overTime.t, sureAlong), (reward.t / LEAST) * limit);
    const fall: Trend = sudden ? along : overTime;
    return {
      state: known ? alarmState(certainty, limit, limit / 2) : 'between',
      finding: {
        code: 'reward-hacking',
        severity: 'warning',
        message: `The trained reward rises while '${name}', which is not trained, falls: the policy exploits the rewards.`,
        evidence: `over ${overTime.count} steps: reward ${signed(reward.change)} (t = ${digits(reward.t)}), '${name}' ${signed(fall.change)}${sudden ? " along the reward's rise" : ''} (t = ${digits(fall.t)}; allowed: ${limit} while the reward rises by ${LEAST})`,
        suggestion:
          'Look at the pictures. Stop at the step before it began, raise klWeight, or add what the monitor sees to the rewards and watch another one.',
        reward: name,
        step: metrics.step,
      },
    };
  });
}

/**
 * Each step's mean of the steps around it, its own left out: its prompts are the same for both rewards, and what they are
 * like must not look like a relation between the two.
 */
function amongNeighbours(values: readonly number[]): number[] {
  return values.map((_, i) => {
    const before = values.slice(Math.max(0, i - NEIGHBOURS), i);
    const after = values.slice(i + 1, i + 1 + NEIGHBOURS);
    return mean([...before, ...after].filter((value) => !Number.isNaN(value)));
  });
}

const signed = (value: number): string => `${value > 0 ? '+' : ''}${digits(value)}`;
