import { rewardShares } from '../objective/shares.js';
import { concatEnsembleResults } from '../rewards/ensemble/concat.js';
import { evaluateReward } from '../rewards/ensemble/ensemble.js';
import type { EnsembleResult } from '../rewards/ensemble/result.js';
import { memberStatistics } from '../rewards/ensemble/statistics.js';
import type { Rollout } from '../rollout/types.js';
import { combine } from '../train/collect.js';
import { digits, type Finding, percent, percentBeside } from '../train/findings.js';
import { correlations } from './correlations.js';
import type { Patient, ScoredBatch } from './patient.js';
import { type Outcome, outcome } from './report.js';
import { describeSpread, examineSpread, type Spread, spreadOf } from './spread.js';

/** Rewards tell samples of one prompt apart, do not fail, and no one of them decides alone. */
export async function examineRewards<P, C>(
  patient: Patient<P, C>,
  drawMore: (batch: number) => Promise<Rollout<P, C>>,
): Promise<Outcome> {
  const { rollouts, scored, doctor } = patient;
  for (const rollout of rollouts) scored.push(await scoreBatch(patient, rollout));
  // Where chance could decide on which side of the limit the share of flat groups lies, look at more of them.
  const most = (1 + EXTRA) * rollouts.length;
  while (rollouts.length < most && isClose(spreadOf(patient), doctor.limits.flatGroups)) {
    const rollout = await drawMore(rollouts.length);
    scored.push(await scoreBatch(patient, rollout));
    rollouts.push(rollout);
  }
  const spread = spreadOf(patient);
  const [first, ...more] = scored.map(({ rewards }) => rewards);
  const all = concatEnsembleResults([first as EnsembleResult, ...more]);
  const shares = sharesOf(patient, all);
  // Failures first: they may be why groups have no spread.
  const findings = [
    ...examineResults(patient, all),
    ...examineSpread(patient, spread),
    ...examineShares(patient, shares),
  ];
  const told = Object.entries(shares).map(([name, share]) => `'${name}' ${percent(share)}`);
  return outcome(
    `${describeSpread(spread)}${told.length > 1 ? `; shares of the advantage: ${told.join(', ')}` : ''}`,
    findings,
  );
}

/** What the rewards say about a batch, and the advantages that training would make of it. */
async function scoreBatch<P, C>(patient: Patient<P, C>, rollout: Rollout<P, C>): Promise<ScoredBatch> {
  patient.checkAbort();
  const { reward, objective } = patient.settings;
  const rewards = await evaluateReward(reward, rollout.samples, { signal: patient.settings.signal });
  return { rewards, combined: combine({ objective, groupSize: rollout.groupSize }, rewards) };
}

/** How many times the batches that there are may be drawn in addition. */
const EXTRA = 2;

/** Whether a share is within a standard error of the limit. */
function isClose({ flat, groups }: Spread, limit: number): boolean {
  const share = flat / groups;
  return Math.abs(share - limit) < Math.sqrt((limit * Math.max(0, 1 - limit)) / groups);
}

function examineResults<P, C>({ doctor }: Patient<P, C>, all: EnsembleResult): Finding[] {
  return Object.entries(all.results).flatMap(([reward, results]) => {
    const { failed, abstained, failureReason } = memberStatistics(results);
    const total = results.length;
    const findings: Finding[] = [];
    if (failed > doctor.limits.failures * total) {
      findings.push({
        code: 'reward-failures',
        severity: failed > total / 2 ? 'error' : 'warning',
        message: `The reward '${reward}' often fails; the samples that it fails on are left out of training.`,
        evidence: `${failed} of ${total} samples (allowed: ${percent(doctor.limits.failures)}); first reason: ${failureReason}`,
        suggestion: 'Mend the cause, or wrap the reward so that it retries.',
        reward,
      });
    }
    if (abstained === total) {
      findings.push({
        code: 'reward-abstentions',
        severity: 'warning',
        message: `The reward '${reward}' has no opinion on any sample.`,
        evidence: `it abstains on all ${total} samples`,
        suggestion: 'Check what it expects of a prompt; drop it if it does not apply to these prompts.',
        reward,
      });
    }
    return findings;
  });
}

function sharesOf<P, C>(
  { settings, rollouts }: Patient<P, C>,
  rewards: EnsembleResult,
): Record<string, number> {
  return rewardShares({
    ...rewards,
    groupSize: rollouts[0]?.groupSize ?? settings.groupSize,
    scale: settings.objective.advantages.scale,
  });
}

function examineShares<P, C>(
  { scored, doctor, settings }: Patient<P, C>,
  shares: Record<string, number>,
): Finding[] {
  const findings: Finding[] = [];
  const { dominance } = doctor.limits;
  const { rewards } = scored[0] as ScoredBatch;
  for (const [reward, share] of Object.entries(shares)) {
    if (Object.keys(shares).length < 2 || share <= dominance) continue;
    findings.push({
      code: 'dominating-reward',
      severity: 'warning',
      message: `The reward '${reward}' alone decides the advantages; the others hardly count.`,
      evidence: `its share is ${percentBeside(share, dominance)} at weight ${rewards.weights[rewards.table.names.indexOf(reward)]} (allowed: ${percent(dominance)})`,
      suggestion: `Lower the weight of '${reward}' in the ensemble, or use aggregation 'normalize-then-sum', which gives every reward the same spread.`,
      reward,
    });
  }
  const tables = scored.map((batch) => batch.rewards.table);
  for (const { a, b, correlation } of correlations(tables, settings.groupSize)) {
    if (Math.abs(correlation) < 0.98) continue;
    findings.push({
      code: 'correlated-rewards',
      severity: 'note',
      message:
        correlation > 0
          ? `The rewards '${a}' and '${b}' say the same.`
          : `The rewards '${a}' and '${b}' say the opposite of each other.`,
      evidence: `correlation within groups: ${digits(correlation)}`,
      suggestion:
        correlation > 0 ? 'One of them may be enough.' : 'They cancel: keep one, or change the weights.',
    });
  }
  return findings;
}
