import { digits, type Finding } from '../findings.js';
import type { LevelMetrics } from '../metrics.js';
import type { MonitorView } from './options.js';
import { type Alarm, type AlarmState, alarmState, mean, median, numberOf } from './state.js';

/** Steps that make a history to compare with. */
const HISTORY = 10;
/** Steps that are the present. */
const RECENT = 5;
/** A single step this many times above the limit needs no second one. */
const ENORMOUS = 10;
/** Steps whose entropy is the start. */
const FIRST = 5;
/** Below this many nats per token a KL is small, however fast it grew. */
const SMALL_KL = 0.3;
/** Below this many nats there is no entropy to lose. */
const SMALL_ENTROPY = 0.05;

/** Ratio, KL, gradients, entropy, and numbers that are none. */
export function policyAlarms(view: MonitorView): Alarm[] {
  const levels = Object.entries(view.metrics.levels);
  return [
    nonFinite(view, levels),
    ...gradient(view, levels),
    ...levels.flatMap(([name, level]) => [
      ...ratio(view, name, level),
      kl(view, name, level),
      entropy(view, name, level),
    ]),
  ];
}

function nonFinite({ metrics }: MonitorView, levels: readonly [string, LevelMetrics][]): Alarm {
  const values: [string, number][] = [
    ['loss', metrics.loss],
    ['gradNorm', metrics.gradNorm],
    ...levels.flatMap(([name, level]) =>
      (['kl', 'approxKl', 'maxRatioDeviation', 'meanRatio', 'entropy'] as const).map(
        (key): [string, number] => [`${name}.${key}`, level[key]],
      ),
    ),
  ];
  const wrong = values.filter(([, value]) => !Number.isFinite(numberOf(value)));
  return {
    state: wrong.length > 0 ? 'raised' : 'clear',
    finding: {
      code: 'non-finite',
      severity: 'error',
      message: 'A number of this step is not finite: the run has diverged.',
      evidence: wrong.map(([name, value]) => `${name} = ${value}`).join(', '),
      suggestion: 'Go back to an earlier checkpoint and lower the learning rate or maxGradNorm.',
      step: metrics.step,
    },
  };
}

function gradient({ metrics, series, settings }: MonitorView, levels: readonly [string, LevelMetrics][]) {
  const norm = numberOf(metrics.gradNorm);
  const trained = levels.filter(([, level]) => level.trained);
  const informative = metrics.advantages.std > 0 && trained.length > 0;
  // Where the task is nearly solved gradients are tiny, and one failure is as large as in the first steps.
  const usual = Math.max(median(series.recent('gradNorm', 3 * HISTORY)), series.start('gradNorm', HISTORY));
  const known = !Number.isNaN(usual) && informative;
  if (informative) series.push('gradNorm', norm > 0 && Number.isFinite(norm) ? norm : Number.NaN);
  const explosion: Finding = {
    code: 'gradient-explosion',
    severity: 'warning',
    message: 'The gradient is far larger than it was.',
    evidence: `norm ${digits(norm)}, it was ${digits(usual)} (allowed: ${settings.gradientGrowth} times that)`,
    suggestion:
      'Clipping limits the damage of one such step. If it comes back, lower the learning rate or maxGradNorm, and look at the samples and rewards of this step.',
    step: metrics.step,
  };
  const none: Finding = {
    code: 'no-gradient',
    severity: 'error',
    message: 'There are advantages and trained levels, but the gradient is 0: nothing is learned.',
    evidence: `norm 0 with advantages of spread ${digits(metrics.advantages.std)}`,
    suggestion:
      'Look whether the clip removes every token (clipFraction), and whether policy.variables lists what the logits depend on: run the doctor.',
    step: metrics.step,
  };
  const ratio = norm / usual;
  return [
    {
      state: known ? alarmState(ratio, settings.gradientGrowth, settings.gradientGrowth / 2) : 'between',
      finding: explosion,
    },
    { state: informative ? (norm === 0 ? 'raised' : 'clear') : 'between', finding: none },
    ...frozen({ metrics, series, settings }, trained),
  ] satisfies Alarm[];
}

/** A trained level whose gradient is nothing next to another's. */
function frozen(
  { metrics, series, settings }: MonitorView,
  trained: readonly [string, LevelMetrics][],
): Alarm[] {
  const norms = trained.map(([name, { gradNorm }]) => [name, numberOf(gradNorm)] as const);
  const largest = norms.reduce((most, [, norm]) => Math.max(most, norm), 0);
  if (!(largest > 0 && metrics.advantages.std > 0)) return [];
  return norms.map(([level, norm]) => {
    series.push(`frozen/${level}`, norm / largest);
    const parts = series.recent(`frozen/${level}`, settings.window);
    const part = mean(parts);
    const state: AlarmState =
      part < settings.frozen ? 'raised' : part > 2 * settings.frozen ? 'clear' : 'between';
    return {
      state: parts.length < Math.min(3, settings.window) ? 'between' : state,
      finding: {
        code: 'frozen-level',
        severity: 'warning',
        message: `The level '${level}' hardly trains: its gradient is nothing next to another level's.`,
        evidence: `${digits(part)} of the largest level's gradient, over ${parts.length} steps (allowed: at least ${settings.frozen})`,
        suggestion: `Raise the weight of '${level}' in the objective, or give each level a normaliser of its own (balanced()).`,
        level,
        step: metrics.step,
      },
    };
  });
}

function ratio({ metrics, settings }: MonitorView, level: string, own: LevelMetrics): Alarm[] {
  const { ratioTolerance, meanRatioTolerance } = settings;
  const deviation = numberOf(own.maxRatioDeviation);
  const drift = Math.abs(numberOf(own.meanRatio) - 1);
  const first = alarmState(deviation, ratioTolerance, ratioTolerance / 2);
  const later = alarmState(drift, meanRatioTolerance, meanRatioTolerance / 2);
  const before = deviation > ratioTolerance;
  const finding: Finding = {
    code: 'ratio-not-one',
    severity: deviation > 10 * ratioTolerance ? 'error' : 'warning',
    message: before
      ? `Before any update, the policy's probabilities at level '${level}' are not those it was sampled with.`
      : `At level '${level}' the policy has moved far from the one that sampled.`,
    evidence: before
      ? `max |ratio − 1| = ${digits(deviation)} (allowed: ${ratioTolerance})`
      : `mean ratio ${digits(numberOf(own.meanRatio))} (allowed: 1 ± ${meanRatioTolerance})`,
    suggestion: before
      ? 'Run the doctor: it says whether temperature, guidance, padding or dropout is the cause.'
      : 'Make fewer updates with each rollout (updatesPerRollout), lower the learning rate, or clip.',
    level,
    step: metrics.step,
  };
  const states = [first, later];
  const state = states.includes('raised') ? 'raised' : states.includes('between') ? 'between' : 'clear';
  return [{ state, finding }];
}

/** The estimate of one step has a heavy tail (one rare token is enough), so several steps must agree. */
function kl({ metrics, series, settings }: MonitorView, level: string, own: LevelMetrics): Alarm {
  const value = numberOf(own.kl);
  series.push(`kl/${level}`, value);
  const history = series.recent(`kl/${level}`, 3 * HISTORY + RECENT);
  const now = median(history.slice(-RECENT));
  const before = history.slice(0, -RECENT);
  const usual = median(before);
  const { maxKl, klGrowth } = settings;
  // The nearer of the two limits.
  const limit = before.length < HISTORY ? maxKl : Math.min(maxKl, Math.max(SMALL_KL, klGrowth * usual));
  const enormous = value > ENORMOUS * maxKl;
  const state = history.length < RECENT ? 'between' : alarmState(now, limit, limit / 2);
  // Logs of earlier versions have none.
  const weight = Number.isFinite(own.klWeight) ? `; β = ${own.klWeight}` : '';
  return {
    state: enormous ? 'raised' : state,
    finding: {
      code: 'kl-explosion',
      severity: enormous || now > ENORMOUS * maxKl ? 'error' : 'warning',
      message: `At level '${level}' the policy runs away from the reference.`,
      evidence: `KL ${digits(value)} nats per token, the median of ${RECENT} steps is ${digits(now)} and was ${digits(usual)} before (allowed: ${klGrowth} times that once above ${SMALL_KL}, and ${maxKl})${weight}`,
      suggestion:
        'Lower the learning rate or raise klWeight; check that the reference is the policy that training began with and that dropout is off.',
      level,
      step: metrics.step,
    },
  };
}

function entropy({ metrics, series, settings }: MonitorView, level: string, own: LevelMetrics): Alarm {
  const { minEntropy, window } = settings;
  series.push(`entropy/${level}`, numberOf(own.entropy));
  const start = series.start(`entropy/${level}`, Math.min(FIRST, window));
  const recent = series.recent(`entropy/${level}`, Math.min(FIRST, window));
  const part = mean(recent) / start;
  const state: AlarmState = part < minEntropy ? 'raised' : part >= 1.5 * minEntropy ? 'clear' : 'between';
  return {
    state: start > SMALL_ENTROPY ? state : 'between',
    finding: {
      code: 'entropy-collapse',
      severity: 'warning',
      message: `The samples of level '${level}' have lost their variety.`,
      evidence: `entropy ${digits(mean(recent))} nats per token, ${digits(start)} in the first steps (allowed: at least ${minEntropy} of that)`,
      suggestion:
        'Look at the samples. Groups that are all alike teach nothing: lower the learning rate, raise klWeight or the sampling temperature, pay for entropy (entropyWeight: adaptiveEntropy({ target })), or stop here if the rewards are as high as they should be.',
      level,
      step: metrics.step,
    },
  };
}
