import type { LevelRollout } from '../rollout/types.js';
import { meanGap } from './compare.js';

/** KL(policy ‖ reference) per valid token, k3; both are 0 on padding. */
export function meanKl<C>(level: LevelRollout<C>, policy: Float32Array, reference: Float32Array): number {
  const k3 = policy.map((value, i) => {
    const delta = (reference[i] as number) - value;
    return Math.expm1(delta) - delta;
  });
  return meanGap(level, k3, new Float32Array(k3.length));
}
