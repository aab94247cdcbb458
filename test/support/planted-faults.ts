import { afterAll, beforeAll, expect, it } from 'vitest';
import { formatReport } from '../../src/conformance/format-report.js';
import { checkPolicy } from '../../src/conformance/policy/check-policy.js';
import type { Policy } from '../../src/policy/policy.js';
import { context, type TabularPolicy, tabularPolicy } from './tabular-policy.js';

/** What is wrong, how to make the right policy so, and the one finding that must come of it. */
export type Fault = [name: string, plant: () => Partial<Policy>, found: string];

export const contexts = [context(1), context(2, 3), context()];

/** A right policy, for faults to be planted in; made before the file's tests run. */
export let right: TabularPolicy;
beforeAll(() => {
  right = tabularPolicy({ logProbs: true });
});
afterAll(() => right.dispose());

/** What `checkPolicy` has against a policy with a fault, e.g. `causality in image`, or `… (warning)`. */
export async function findings(fault: Partial<Policy>): Promise<string[]> {
  const report = await checkPolicy({ ...right, ...fault }, { contexts });
  const wrong = report.checks.filter(({ level }) => level === 'error' || level === 'warning');
  expect(report.passed).toBe(wrong.every(({ level }) => level === 'warning'));
  for (const { suggestion, detail } of wrong) {
    expect(suggestion?.length, formatReport(report)).toBeGreaterThan(20);
    expect(detail.length).toBeGreaterThan(10);
  }
  return wrong.map(({ check, space, level }) =>
    [check, ...(space ? [`in ${space}`] : []), ...(level === 'warning' ? ['(warning)'] : [])].join(' '),
  );
}

/** Each fault is found by the check named for it, and by no other. */
export function findsAlone(faults: readonly Fault[]): void {
  it.each(faults)('%s', async (_, plant, found) => {
    expect(await findings(plant())).toEqual([found]);
  });
}
