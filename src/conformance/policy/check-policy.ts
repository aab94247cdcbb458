import type { Policy } from '../../policy/policy.js';
import { type ConformanceReport, error, type Finding, ok, reportOf } from '../finding.js';
import { runChecks } from '../run-checks.js';
import { spaceChecks } from './space-checks.js';
import { type CheckPolicyOptions, subjectsOf } from './subject.js';
import { checkReached, checkUntouched, checkVariables, fingerprints } from './variables.js';

/** One property of the `Policy` contract, and whether the policy has it. */
export interface PolicyCheck extends Finding {
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
  const causes = new Map<string, string>();
  let before: ReadonlyMap<string, number> = new Map();
  const findings: PolicyCheck[] = await runChecks(
    [
      {
        check: 'variables',
        suggestion:
          'List the tf.Variables that training updates in policy.variables, each under a name of its own.',
        measure: async () => {
          const measured = checkVariables(policy);
          if (measured.level !== 'error') before = await fingerprints(policy.variables);
          return measured;
        },
      },
      {
        check: 'spaces',
        suggestion: 'Name the vocabularies that the policy can emit in policy.spaces.',
        measure: () => {
          const names = Object.keys(policy.spaces);
          return names.length > 0
            ? ok(names.join(', '))
            : error('policy.spaces is empty: nothing can be sampled');
        },
      },
    ],
    policy,
    causes,
  );
  let gradientsKnown = true;
  for (const subject of subjects) {
    const { space } = subject;
    const own = new Map(causes);
    findings.push(
      ...(await runChecks(spaceChecks<Context>(), subject, own)).map((found) => ({ ...found, space })),
    );
    if (own.has('gradients')) gradientsKnown = false;
  }
  const all = subjects.length === Object.keys(policy.spaces).length;
  if (!gradientsKnown) causes.set('gradients', 'gradients');
  findings.push(
    ...(await runChecks(
      [
        ...(all
          ? [
              {
                check: 'every variable is used',
                needs: ['variables', 'spaces', 'gradients'],
                suggestion:
                  'Use the variable in logits, or leave it out of policy.variables; if it is used, its gradient is cut (a value read to the host, tf.customGrad, an operation without gradient).',
                measure: () => checkReached(policy.variables, subjects[0]?.reached ?? new Set()),
              },
            ]
          : []),
        {
          check: 'weights untouched',
          needs: ['variables'],
          suggestion:
            'Only the optimiser may assign to policy.variables: keep running statistics and caches elsewhere.',
          measure: () => checkUntouched(policy.variables, before),
        },
      ],
      policy,
      causes,
    )),
  );
  return reportOf(findings);
}
