import { percent, percentBeside } from '../findings.js';
import { hacking } from './hacking.js';
import type { MonitorView } from './options.js';
import { type Alarm, alarmState, mean, numberOf } from './state.js';

/** Failures and abstentions first, as they may explain the others; flat groups, dominance, hacking. */
export function rewardAlarms(view: MonitorView): Alarm[] {
  return [...silence(view), flatGroups(view), ...dominance(view), ...hacking(view)];
}

function flatGroups({ metrics, series, settings }: MonitorView): Alarm {
  const { flatGroups: allowed, window } = settings;
  // Where most samples have no score, groups are flat for that reason, which is told.
  const flat = mostlyFailed(metrics.reward) ? Number.NaN : numberOf(metrics.advantages.zeroVarianceFraction);
  series.push('flat', flat);
  const seen = series.recent('flat', window);
  const share = mean(seen);
  const { resampled = 0 } = metrics.advantages;
  const replaced = resampled > 0;
  return {
    state: seen.length < window ? 'between' : alarmState(share, allowed, 0.8 * allowed),
    finding: {
      code: 'flat-groups',
      severity: replaced && share < 1 ? 'note' : 'warning',
      message: 'Most groups teach nothing: all of their samples got the same reward.',
      evidence: `${percentBeside(share, allowed)} of the groups in the last ${seen.length} steps have no spread (allowed: ${percent(allowed)})${replaced ? `; ${resampled} groups of this step were sampled in place of such ones` : ''}`,
      suggestion: `Use a graded reward instead of pass or fail, larger groups, a higher sampling temperature, or prompts that are neither solved nor hopeless.${replaced ? '' : ' zeroVariance: { resample: n } in the objective samples other prompts in their place.'}`,
      step: metrics.step,
    },
  };
}

/** Whether every trained reward gave no score to most samples, and failures have a part in it. */
function mostlyFailed({ byMember, monitors, samples }: MonitorView['metrics']['reward']): boolean {
  const trained = Object.entries(byMember).filter(([name]) => !(name in monitors));
  return (
    trained.some(([, { failed }]) => failed > 0) &&
    trained.every(([, { failed, abstained }]) => failed + abstained > samples / 2)
  );
}

function dominance({ metrics, series, settings }: MonitorView): Alarm[] {
  // Logs of earlier versions have none.
  const { shares = {} } = metrics.reward;
  const names = Object.keys(shares);
  if (names.length < 2) return [];
  const informative = metrics.advantages.std > 0;
  return names.map((reward) => {
    if (informative) series.push(`share/${reward}`, numberOf(shares[reward]));
    const seen = series.recent(`share/${reward}`, settings.window);
    const share = mean(seen);
    return {
      state:
        seen.length < settings.window
          ? 'between'
          : alarmState(share, settings.dominance, settings.dominance - 0.05),
      finding: {
        code: 'dominating-reward',
        severity: 'warning',
        message: `The reward '${reward}' alone decides the advantages; the others hardly count.`,
        evidence: `its share is ${percentBeside(share, settings.dominance)} over ${seen.length} steps (allowed: ${percent(settings.dominance)})`,
        suggestion: `Lower the weight of '${reward}' in the ensemble, or use aggregation 'normalize-then-sum', which gives every reward the same spread.`,
        reward,
        step: metrics.step,
      },
    };
  });
}

function silence({ metrics, series, settings }: MonitorView): Alarm[] {
  const { samples } = metrics.reward;
  const { window, failures, abstentions } = settings;
  return Object.entries(metrics.reward.byMember).flatMap(([reward, { failed, abstained, failureReason }]) => {
    series.push(`failed/${reward}`, samples > 0 ? failed / samples : Number.NaN);
    series.push(`abstained/${reward}`, samples > 0 ? abstained / samples : Number.NaN);
    const seen = series.recent(`failed/${reward}`, window);
    const failedShare = mean(seen);
    const abstainedShare = mean(series.recent(`abstained/${reward}`, window));
    // One bad step is an accident, unless nothing at all was scored.
    const known = seen.length >= Math.min(3, window) || failedShare >= 1;
    const about = { reward, step: metrics.step };
    return [
      {
        state: known ? alarmState(failedShare, failures, failures / 2) : 'between',
        finding: {
          code: 'reward-failures',
          severity: failedShare > 0.5 ? 'error' : 'warning',
          message: `The reward '${reward}' often fails; the samples that it fails on are left out of training.`,
          evidence: `${percentBeside(failedShare, failures)} of the samples over ${seen.length} steps (allowed: ${percent(failures)})${failureReason ? `; last reason: ${failureReason}` : ''}`,
          suggestion:
            'Mend the cause, or wrap the reward so that it retries. Failing on certain samples only also biases what is learned.',
          ...about,
        },
      },
      {
        state: known ? alarmState(abstainedShare, abstentions, 0.9 * abstentions) : 'between',
        finding: {
          code: 'reward-abstentions',
          severity: 'warning',
          message: `The reward '${reward}' has an opinion on almost nothing.`,
          evidence: `it abstains on ${percentBeside(abstainedShare, abstentions)} of the samples over ${seen.length} steps (allowed: ${percent(abstentions)})`,
          suggestion: 'Check what it expects of a prompt; drop it if it does not apply to these prompts.',
          ...about,
        },
      },
    ] satisfies Alarm[];
  });
}
