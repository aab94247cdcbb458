import type { EnsembleResult } from '../../rewards/ensemble/result.js';
import { groupSizeOf } from '../../rewards/groups.js';
import type { RewardFunction, RewardResult, Sample } from '../../rewards/reward.js';
import { type CheckResult, type ConformanceReport, reportOf } from '../check-result.js';
import { type Check, runChecks } from '../run-checks.js';
import { measureBalance } from './balance.js';
import { batchChecks } from './batch-checks.js';
import { memberChecks, type Series, totalChecks } from './member-checks.js';
import type { RewardSubject } from './subject.js';

/** One property of a reward, and whether it has it. */
export interface RewardCheck extends CheckResult {
  /** The ensemble's member that it is about; absent for a plain function and for the ensemble as a whole. */
  readonly member?: string;
}

/** What `checkReward` found; `formatReport` makes text of it. */
export type RewardReport = ConformanceReport<RewardCheck>;

/** What to check a reward with. */
export interface CheckRewardOptions<P = unknown> {
  /** `[N]`, best of a real rollout: several groups, side by side and of one size, of several different samples. */
  readonly samples: readonly Sample<P>[];
}

/**
 * Checks that a reward keeps the contract that training relies on, and whether its scores can teach anything. An
 * `error` breaks the contract (wrong results, scores that depend on other groups or on the order, changed samples, a
 * bug where image or plan is missing); a `warning` is allowed but seldom meant (a judge that is not deterministic,
 * constant or saturated scores, failures, one member that drowns the others). A score that depends on the other
 * samples of its group is a `note`: advantages compare within a group anyway, so a reward may do so on purpose.
 *
 * It calls the reward on copies of the samples, with the prompts as they are: three times on all of them and up to
 * six times on one group, in whole groups or alone. Mind that if a call costs money.
 * @throws BicotError `group-size` for samples that do not form equal groups side by side, or none; a broken reward is
 * reported, not thrown
 */
export async function checkReward<P = unknown>(
  reward: RewardFunction<P>,
  options: CheckRewardOptions<P>,
): Promise<RewardReport> {
  const { samples } = options;
  const groupSize = groupSizeOf(samples);
  const subject: RewardSubject<P> = {
    ...{ reward, samples, groupSize },
    memory: { noise: new Map(), flaky: false },
  };
  const causes = new Map<string, string>();
  const findings: RewardCheck[] = await runChecks(batchChecks<P>(), subject, causes);
  const { first, noise } = subject.memory;
  if (first === undefined) return reportOf(findings);
  const alone = Object.keys(first.results).length === 1;
  for (const [member, results] of Object.entries(first.results)) {
    const series = seriesOf(first, member, results, groupSize, noise.get(member)?.std ?? 0);
    const found = await runChecks(memberChecks, series);
    findings.push(...found.map((finding) => (alone ? finding : { ...finding, member })));
  }
  if (first.table.names.length > 1) {
    const total = { values: first.total, groupSize, monitor: false, noise: 0 };
    findings.push(
      ...(await runChecks(totalChecks, total)),
      ...(await runChecks([balanceCheck(groupSize)], first)),
    );
  }
  return reportOf(findings);
}

const balanceCheck = (groupSize: number): Check<EnsembleResult> => ({
  check: 'balance',
  suggestion:
    'Weigh the loud member down, or standardise each reward first with aggregation "normalize-then-sum".',
  measure: (evaluation) => measureBalance(evaluation, groupSize),
});

function seriesOf(
  evaluation: EnsembleResult,
  member: string,
  results: readonly RewardResult[],
  groupSize: number,
  noise: number,
): Series {
  return {
    values: Float64Array.from(results, (result) => (result.kind === 'score' ? result.value : Number.NaN)),
    monitor: evaluation.monitors.names.includes(member),
    seconds: evaluation.calls[member]?.seconds,
    ...{ results, groupSize, noise },
  };
}
