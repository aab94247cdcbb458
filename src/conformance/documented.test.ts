import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { rewardSamples } from '../../test/support/reward-samples.js';
import { context, tabularPolicy } from '../../test/support/tabular-policy.js';
import { rewardEnsemble } from '../rewards/ensemble/ensemble.js';
import { score } from '../rewards/reward.js';
import { checkPolicy } from './policy/check-policy.js';
import { checkReward } from './reward/check-reward.js';

it('docs/conformance.md lists every check, and no other', async () => {
  const page = readFileSync(new URL('../../docs/conformance.md', import.meta.url), 'utf8');
  const [, ofPolicies = '', ofRewards = ''] = page.split(/^## /m);
  const listed = (section: string) => [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);

  const policy = tabularPolicy();
  const report = await checkPolicy(policy, { contexts: [context(1), context(2)] });
  expect(new Set(listed(ofPolicies))).toEqual(new Set(report.checks.map(({ check }) => check)));
  policy.dispose();

  const each = async (samples: readonly unknown[]) => samples.map(() => score(1));
  const { checks } = await checkReward(rewardEnsemble({ a: each, b: each }), {
    samples: rewardSamples(2, 2),
  });
  expect(new Set(listed(ofRewards))).toEqual(new Set(checks.map(({ check }) => check)));
});
