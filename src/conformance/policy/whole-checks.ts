import type { Policy } from '../../policy/policy.js';
import { error, ok } from '../finding.js';
import type { Check } from '../run-checks.js';
import { checkReached, checkUntouched, checkVariables, fingerprints } from './variables.js';

/** A policy as a whole, and what its checks remember. */
export interface WholeSubject<Context> {
  readonly policy: Policy<Context>;
  /** Names of the variables that a gradient reached in some space. */
  readonly reached: ReadonlySet<string>;
  /** Of the variables' values before anything was computed. */
  prints: ReadonlyMap<string, number>;
}

/** What is checked before any space. */
export const openingChecks = <Context>(): Check<WholeSubject<Context>>[] => [
  {
    check: 'variables',
    suggestion:
      'List the tf.Variables that training updates in policy.variables, each under a name of its own.',
    async measure(subject) {
      const { policy } = subject;
      const measured = checkVariables(policy);
      if (measured.level !== 'error') subject.prints = await fingerprints(policy.variables);
      return measured;
    },
  },
  {
    check: 'spaces',
    suggestion: 'Name the vocabularies that the policy can emit in policy.spaces.',
    measure({ policy }) {
      const names = Object.keys(policy.spaces);
      return names.length > 0
        ? ok(names.join(', '))
        : error('policy.spaces is empty: nothing can be sampled');
    },
  },
];

/** Checked only if every space was: a variable that this space does not use may matter to another. */
export const usageCheck = <Context>(): Check<WholeSubject<Context>> => ({
  check: 'every variable is used',
  needs: ['variables', 'spaces', 'gradients'],
  suggestion:
    'Use the variable in logits, or leave it out of policy.variables; if it is used, its gradient is cut (a value read to the host, tf.customGrad, an operation without gradient).',
  measure: ({ policy, reached }) => checkReached(policy.variables, reached),
});

/** What is checked after all spaces. */
export const closingChecks = <Context>(): Check<WholeSubject<Context>>[] => [
  {
    check: 'weights untouched',
    needs: ['variables'],
    suggestion:
      'Only the optimiser may assign to policy.variables: keep running statistics and caches elsewhere.',
    measure: ({ policy, prints }) => checkUntouched(policy.variables, prints),
  },
];
