import { nanMoments } from '../objective/statistics.js';
import { resampleRounds } from '../objective/zero-variance.js';
import { type Finding, percent } from '../train/findings.js';
import type { Patient, ScoredBatch } from './patient.js';

/** How many groups teach nothing. */
export interface Spread {
  /** Groups without a spread. */
  readonly flat: number;
  /** Groups that `flat` is out of. */
  readonly groups: number;
  /** Flat groups in which two rewards or more have a spread, but their sum has none. */
  readonly cancelled: number;
  /** Groups without two scores because a reward failed; not among `groups`. */
  readonly unscored: number;
}

/** Counts over all batches. Below epsilon a spread hardly makes an advantage: it is what spreads are divided by. */
export function spreadOf<P, C>({ scored, settings }: Patient<P, C>): Spread {
  const { epsilon } = settings.objective.advantages;
  let [flat, groups, cancelled, unscored] = [0, 0, 0, 0];
  for (const batch of scored) {
    const { groupStd, total } = batch.combined;
    const size = total.length / groupStd.length;
    groupStd.forEach((std, group) => {
      const range = [group * size, (group + 1) * size] as const;
      if (nanMoments(total, ...range).count < 2 && hasFailure(batch, ...range)) {
        unscored++;
        return;
      }
      groups++;
      if (std > epsilon) return;
      flat++;
      if (differingRewards(batch, epsilon, ...range) >= 2) cancelled++;
    });
  }
  return { flat, groups, cancelled, unscored };
}

/** What there is to say of flat groups. */
export function examineSpread<P, C>({ settings, doctor }: Patient<P, C>, spread: Spread): Finding[] {
  const { flat, groups, cancelled } = spread;
  const { epsilon, zeroVariance } = settings.objective.advantages;
  const { flatGroups } = doctor.limits;
  if (flat <= flatGroups * groups) return [];
  const rounds = resampleRounds(zeroVariance);
  const all = flat === groups;
  const cancel = 2 * cancelled > flat;
  const severity = all ? 'error' : rounds > 0 ? 'note' : 'warning';
  const resampling = rounds > 0 && !all ? `; ${extraSampling(flat / groups, rounds)}` : '';
  return [
    {
      code: 'flat-groups',
      severity,
      message: messageOf(all, cancel),
      evidence: `${describeSpread(spread)} above epsilon ${epsilon} (allowed: ${percent(flatGroups)})${resampling}`,
      suggestion: cancel
        ? 'Change the weights, or drop one of the rewards: what one of them adds for a sample, another takes away.'
        : `Use a graded reward instead of pass or fail, larger groups, a higher sampling temperature, or prompts that are neither solved nor hopeless. ${
            all
              ? 'Check that the reward looks at the sample at all.'
              : rounds > 0
                ? ''
                : 'zeroVariance: { resample: n } in the objective samples other prompts in place of such groups.'
          }`.trim(),
    },
  ];
}

/** `7 of 12 groups have no spread`, and how many could not be scored. */
export function describeSpread({ flat, groups, unscored }: Spread): string {
  if (groups === 0) return `none of ${unscored} groups has two scores, as rewards failed`;
  const others = unscored > 0 ? ` (${unscored} others have no two scores, as rewards failed)` : '';
  return `${flat} of ${groups} groups${others} have no spread`;
}

function messageOf(all: boolean, cancel: boolean): string {
  if (cancel) {
    return `The rewards cancel: ${all ? '' : 'in most groups '}each of them tells samples apart, but their weighted sum does not.`;
  }
  return all
    ? 'The rewards tell no samples apart: nothing can be learned.'
    : 'Most groups teach nothing: all of their samples got the same reward.';
}

/** Each round draws as many groups as are still flat: p + p² + … for each wanted group. */
function extraSampling(share: number, rounds: number): string {
  let extra = 0;
  for (let round = 1; round <= rounds; round++) extra += share ** round;
  return `other prompts are sampled in their place (zeroVariance: resample ${rounds}): expect ${percent(extra)} more sampling, with ${percent(share ** (rounds + 1))} of the groups still flat`;
}

function hasFailure({ rewards }: ScoredBatch, begin: number, end: number): boolean {
  return rewards.table.names.some((name) =>
    rewards.results[name]?.slice(begin, end).some(({ kind }) => kind === 'failure'),
  );
}

/** How many of the rewards that count have a spread in a group. */
function differingRewards({ rewards }: ScoredBatch, epsilon: number, begin: number, end: number): number {
  const { names, values } = rewards.table;
  return names.filter((_, k) => {
    const column = Array.from(
      { length: end - begin },
      (_, i) => values[(begin + i) * names.length + k] as number,
    );
    return rewards.weights[k] !== 0 && nanMoments(column).std > epsilon;
  }).length;
}
