import type { RewardFunction } from '../reward.js';
import type { RewardEnsemble } from './ensemble.js';

/** True for what `rewardEnsemble` made. */
export function isRewardEnsemble<P>(reward: RewardFunction<P>): reward is RewardEnsemble<P> {
  return typeof (reward as Partial<RewardEnsemble<P>>).evaluate === 'function';
}
