import { BicotError } from '../../errors.js';
import type { Finding } from '../findings.js';
import type { StepMetrics } from '../metrics.js';
import type { MonitorOptions, MonitorSettings } from './options.js';
import { policyAlarms } from './policy-alarms.js';
import { rewardAlarms } from './reward-alarms.js';
import { onceEach, type SeriesState, seriesStore } from './state.js';

/** What alarms look back on, whatever the windows. */
const LONGEST = 40;

const DEFAULTS: MonitorSettings = {
  window: 10,
  trendWindow: 80,
  ratioTolerance: 0.01,
  meanRatioTolerance: 0.1,
  maxKl: 3,
  klGrowth: 10,
  gradientGrowth: 10,
  frozen: 0.01,
  minEntropy: 0.2,
  flatGroups: 0.5,
  dominance: 0.9,
  hacking: 5.5,
  failures: 0.1,
  abstentions: 0.9,
};

/** What a monitor remembers. Plain data, for checkpoints; it may hold NaN. */
export interface MonitorState extends SeriesState {
  /** The alarms that are raised. */
  readonly standing: readonly string[];
}

/** Says what has gone wrong, step by step. */
export interface TrainingMonitor {
  /**
   * Looks at one step; steps come in order.
   * @returns the findings that are new in it
   */
  (metrics: StepMetrics): Finding[];
  /** What it remembers. */
  state(): MonitorState;
}

/**
 * Watches a training run: give it each step's metrics, in order, and it says what has gone wrong. A finding comes
 * once when it appears and again only after it went away. Works on live metrics and on the lines of a
 * `metrics.jsonl` alike (`null` is read as NaN); it remembers a few steps and nothing else.
 * @param state what another one remembered, to go on from there. Default: nothing
 * @throws BicotError `value` for a threshold that is not a positive number
 */
export function trainingMonitor(options: MonitorOptions = {}, state?: MonitorState): TrainingMonitor {
  const settings = monitorSettings(options);
  const series = seriesStore(Math.max(settings.window, settings.trendWindow, LONGEST), state);
  const standing = new Set(state?.standing);
  const news = onceEach(standing);
  const watch = (metrics: StepMetrics): Finding[] => {
    const view = { metrics, series, settings };
    return news([...policyAlarms(view), ...rewardAlarms(view)]);
  };
  return Object.assign(watch, { state: () => ({ ...series.state(), standing: [...standing] }) });
}

function monitorSettings(options: MonitorOptions): MonitorSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (!(name in DEFAULTS) || !(typeof value === 'number' && value > 0)) {
      throw new BicotError(
        'value',
        `trainingMonitor: ${name} is ${value}; expected a number above 0 for one of ${Object.keys(DEFAULTS).join(', ')}. Infinity turns most of them off.`,
      );
    }
  }
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}
