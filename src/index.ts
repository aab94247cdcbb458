/** bicot: reinforcement learning for autoregressive image generators, as composable functions on TensorFlow.js tensors. */

// Prompt data
export { type PromptRow, parsePromptRows, readPromptRow } from './data/prompts.js';
// Doctor: a training run examined before and while it runs
export { doctor } from './doctor/doctor.js';
export type { DoctorLimits, DoctorOptions, DoctorProgress, ProbeOptions } from './doctor/options.js';
export { type DoctorReport, formatDoctorReport, type Rung, type RungName } from './doctor/report.js';
// Errors
export { BicotError, type BicotErrorCode, isBicotError } from './errors.js';
// Kernels: the coarse operations models are made of
export { attention, causalMask, MASKED_SCORE } from './kernels/attention.js';
export { withGradient } from './kernels/custom-gradient.js';
export { embed } from './kernels/embedding.js';
export { linear } from './kernels/linear.js';
export { rmsNorm } from './kernels/rms-norm.js';
export { type RotaryTables, rotaryTables, rotate } from './kernels/rotary.js';
export { swiglu } from './kernels/swiglu.js';
export { tokenLogProbs } from './kernels/token-log-probs.js';
// Objective: advantages, KL, loss
export {
  type AdvantageOptions,
  type AdvantageScale,
  checkEpsilon,
  checkScale,
  DEFAULT_EPSILON,
  type GroupAdvantages,
  groupAdvantages,
  normalizeWithinGroups,
  standardScore,
} from './objective/advantages.js';
export type { ClipRange } from './objective/clip.js';
export {
  type Abstention,
  type CombinedRewards,
  type CombineOptions,
  combineRewards,
  type RewardAggregation,
  type RewardTable,
  type TotalOptions,
  weightedTotal,
} from './objective/combine.js';
export { crossEntropy } from './objective/cross-entropy.js';
export { checkKlKind, type KlKind, klEstimate } from './objective/kl.js';
export {
  grpoLoss,
  type LevelLossInput,
  type LevelObjective,
  type LossLevel,
  type LossObjective,
  levelLoss,
} from './objective/loss.js';
export { type AdvantageObjective, levelObjective, type Objective } from './objective/objective.js';
export { balanced, grpo, type ObjectiveOptions, t2iR1 } from './objective/presets.js';
export { type RewardSharesInput, rewardShares } from './objective/shares.js';
export { type LevelStats, type LevelStatsInput, levelStats } from './objective/stats.js';
export {
  type LevelTokens,
  type Normalizer,
  type TokenWeightOptions,
  tokenWeights,
} from './objective/weights.js';
// Policy: the contract and what is derived from it
export { type CheckPolicyOptions, checkPolicy, type PolicyCheck, type PolicyReport } from './policy/check.js';
export type {
  GuidanceLogProbs,
  GuidanceOptions,
  SamplingOptions,
  TokenDistribution,
} from './policy/distribution.js';
export { type KeptSet, sliceKeptSet } from './policy/kept.js';
export { completionLogProbs, type ScoredBatch } from './policy/log-probs.js';
export type {
  DecodeOptions,
  DecodingSession,
  ImageSpace,
  NamedVariables,
  Policy,
  RgbImage,
  TextSpace,
  TokenContext,
  TokenSpace,
} from './policy/policy.js';
export { freezeReference, policyReference, type Reference } from './policy/reference.js';
export {
  assertTokenRange,
  sliceTokenBatch,
  type TokenBatch,
  tokenBatch,
  tokenMask,
  tokenRow,
} from './policy/tokens.js';
// Rewards
export {
  assignToBestNoun,
  type Box,
  type Detection,
  distinctObjects,
  intersectionOverUnion,
  nonMaximumSuppression,
} from './rewards/detection.js';
export {
  type EnsembleMember,
  type EnsembleOptions,
  type EnsembleResult,
  evaluateReward,
  isRewardEnsemble,
  type RewardEnsemble,
  rewardEnsemble,
} from './rewards/ensemble.js';
export { groupSizeOf } from './rewards/groups.js';
export { canonicalLocality, LOCALITIES, type Relation } from './rewards/locality.js';
export type { RewardFailure } from './rewards/members.js';
export {
  type Abstain,
  abstain,
  type Failure,
  failure,
  type RewardFunction,
  type RewardResult,
  type Sample,
  type Score,
  score,
} from './rewards/reward.js';
export {
  attributeScore,
  type NumeracyItem,
  numeracyScore,
  objectScore,
  type RuleRow,
  ruleScore,
} from './rewards/rules.js';
export { type RelationOptions, relationScore, type SpatialInfo, spatialScore } from './rewards/spatial.js';
// Rollouts
export {
  type BiLevelOptions,
  biLevelRollout,
  type SampledPlan,
  type SemanticLevel,
  type TokenLevel,
} from './rollout/bi-level.js';
export { type LevelLogProbsOptions, levelLogProbs, type RowRange } from './rollout/level-log-probs.js';
export { type OneLevelOptions, oneLevelRollout } from './rollout/one-level.js';
export type { RolloutFunction, RolloutProgress, RolloutRequest } from './rollout/request.js';
export type { LevelRollout, Rollout } from './rollout/types.js';
// Sampling
export { recomputeDecoding } from './sampling/recompute.js';
export {
  type Completions,
  type SampleRequest,
  type SamplingProgress,
  sampleCompletions,
} from './sampling/sampler.js';
// Tensors: shapes, masks, seeded noise
export { assertGradientsRegistered, stopGradient } from './tensor/gradients.js';
export { maskedFill, maskedMean, maskedSum } from './tensor/masked.js';
export {
  type KeyPart,
  normalValues,
  shuffled,
  type UniformStream,
  uniformInteger,
  uniformStream,
} from './tensor/noise.js';
export { assertFinite, assertLength, assertShape } from './tensor/shape.js';
// Training
export type { ApplyOptions } from './train/apply.js';
export { type Phase, type PhaseClock, phaseClock } from './train/clock.js';
export {
  type EvaluatedSample,
  type EvaluateOptions,
  type EvaluateProgress,
  type Evaluation,
  evaluate,
} from './train/evaluate.js';
export { type Finding, type FindingCode, type FindingSeverity, formatFindings } from './train/findings.js';
export {
  type ClippedGradients,
  clipByGlobalNorm,
  type GradientAccumulator,
  type Gradients,
  globalNorm,
  gradientAccumulator,
  type LossGradients,
  lossGradients,
} from './train/gradients.js';
export { assertOwnLevel, type LevelBatch, levelBatches } from './train/levels.js';
export {
  type LevelMetrics,
  levelMetrics,
  type MemberMetrics,
  memberMetrics,
  membersMetrics,
  type ScoredUpdates,
  type StepMetrics,
  type StepSeconds,
} from './train/metrics.js';
export { type MonitorOptions, trainingMonitor } from './train/monitor.js';
export { type AdamWOptions, adamW, type Optimizer } from './train/optimizer.js';
export { type TrainOptions, type TrainProgress, type TrainSettings, trainSettings } from './train/options.js';
export {
  type PretrainBatch,
  type PretrainOptions,
  type PretrainResult,
  pretrainStep,
} from './train/pretrain.js';
export { constant, type Schedule, type WarmupOptions, warmupCosine, warmupLinear } from './train/schedule.js';
export { type Resources, type TrainStep, trainStep } from './train/step.js';
export { train } from './train/train.js';
export { type UpdateOptions, type UpdateProgress, type UpdateResult, updatePolicy } from './train/update.js';
