import { loadKernels } from '../../kernels/choice.js';
import type { Policy } from '../../policy/policy.js';
import { type CheckResult, type ConformanceReport, reportOf } from '../check-result.js';
import { runChecks } from '../run-checks.js';
import { spaceChecks } from './space-checks.js';
import { type CheckPolicyOptions, subjectsOf } from './subject.js';
import { closingChecks, openingChecks, usageCheck } from './whole-checks.js';

/** One property of the `Policy` contract, and whether the policy has it. */
export interface PolicyCheck extends CheckResult {
  /** The space it was checked in; absent for what concerns the whole policy. */
  readonly space?: string;
}

/** What `checkPolicy` found; `formatReport` makes text of it. */
export type PolicyReport = ConformanceReport<PolicyCheck>;

/**
 * Checks that a policy keeps the contract that sampling and training rely on, in one of its spaces or in all. Run
 * it once on a model of your own; it changes nothing and leaves no tensors behind. Every finding says what was
 * measured and, if it is not as it should be, what to do. A check that another one's fault would fail as well is
 * not measured (a `note`), so that the report shows causes.
 *
 * It takes a few dozen forward passes per space over the contexts given, with at most 6 tokens each unless
 * `completion` says otherwise, and decodes four pictures a few times.
 * @throws BicotError `shape`, `value` or `token-range` if the options themselves can't be used; a broken policy is
 * reported, not thrown
 */
export async function checkPolicy<Context>(
  policy: Policy<Context>,
  options: CheckPolicyOptions<Context>,
): Promise<PolicyReport> {
  const subjects = subjectsOf(policy, options);
  await loadKernels();
  const whole = { policy, reached: new Set<string>(), prints: new Map<string, number>() };
  const causes = new Map<string, string>();
  const findings: PolicyCheck[] = await runChecks(openingChecks<Context>(), whole, causes);
  const causesOfSpaces: Map<string, string>[] = [];
  for (const subject of subjects) {
    const own = new Map(causes);
    const found = await runChecks(spaceChecks(subject, whole.reached), subject, own);
    findings.push(...found.map((finding) => ({ ...finding, space: subject.space })));
    causesOfSpaces.push(own);
  }
  for (const own of causesOfSpaces) {
    const cause = own.get('gradients');
    if (cause !== undefined) causes.set('gradients', cause);
  }
  const everySpace = subjects.length === Object.keys(policy.spaces).length;
  const closing = [...(everySpace ? [usageCheck<Context>()] : []), ...closingChecks<Context>()];
  findings.push(...(await runChecks(closing, whole, causes)));
  return reportOf(findings);
}
