/** Rewards that a service computes. */
export { decodePng, encodePng } from '../../image/png.js';
export type { RewardHeaders } from './address.js';
export {
  type CheckRewardServiceOptions,
  checkRewardService,
  type RewardServiceReport,
} from './check-service.js';
export { httpReward } from './http-reward.js';
export type { HttpRewardOptions, RewardServiceOptions } from './options.js';
export {
  REWARD_PROTOCOL,
  type RewardAnswer,
  type RewardRequest,
  type RewardRequestSample,
  type RewardResponse,
  type RewardServiceHealth,
} from './protocol.js';
export {
  isRewardServiceError,
  RewardServiceError,
  type RewardServiceErrorDetails,
} from './service-error.js';
