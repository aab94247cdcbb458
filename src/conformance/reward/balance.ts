import { rewardShares } from '../../objective/shares.js';
import type { EnsembleResult } from '../../rewards/ensemble/result.js';
import { type Measured, note, ok, warning } from '../check-result.js';

/** Share of the advantage from which on one member is the only one that is heard. */
const DOMINANT = 0.9;

/** How much of what trains comes from each member (`rewardShares`). */
export function measureBalance(evaluation: EnsembleResult, groupSize: number): Measured {
  const shares = Object.entries(rewardShares({ ...evaluation, groupSize }));
  if (shares.every(([, share]) => share === 0)) return note('not measured: no member differs within a group');
  const sorted = shares.sort(([, a], [, b]) => b - a);
  const told = sorted.map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(', ');
  const largest = sorted[0]?.[1] ?? 0;
  return largest > DOMINANT
    ? warning(`shares of the advantage: ${told}`)
    : ok(`shares of the advantage: ${told}`);
}
