import { k3 } from '../objective/stats.js';
import type { LevelRollout } from '../rollout/types.js';
import { meanGap } from './compare.js';

/** KL(policy ‖ reference) per valid token, k3; both are 0 on padding. */
export function meanKl<C>(level: LevelRollout<C>, policy: Float32Array, reference: Float32Array): number {
  const estimates = policy.map((value, i) => k3((reference[i] as number) - value));
  return meanGap(level, estimates, new Float32Array(estimates.length));
}
