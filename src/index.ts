/** bicot: reinforcement learning for autoregressive image generators, as composable functions on TensorFlow.js tensors. */

// Conformance: does a model or a reward of one's own keep the contract, and does a backend compute what it should?
export type { BackendCheckKind } from './conformance/backend/backend-case.js';
export {
  type BackendCheck,
  type BackendProgress,
  type BackendReport,
  type CheckBackendOptions,
  checkBackend,
} from './conformance/backend/check-backend.js';
export type { CheckLevel, CheckResult, ConformanceReport } from './conformance/check-result.js';
export { formatReport } from './conformance/format-report.js';
export { checkPolicy, type PolicyCheck, type PolicyReport } from './conformance/policy/check-policy.js';
export type { CheckPolicyOptions } from './conformance/policy/subject.js';
export {
  type CheckRewardOptions,
  checkReward,
  type RewardCheck,
  type RewardReport,
} from './conformance/reward/check-reward.js';
// Prompt data
export { type PromptRow, parsePromptRows, readPromptRow } from './data/prompts.js';
// Doctor: a training run examined before and while it runs
export { doctor } from './doctor/doctor.js';
export type { DoctorLimits, DoctorOptions, DoctorProgress, ProbeOptions } from './doctor/options.js';
export { type DoctorReport, formatDoctorReport, type Rung, type RungName } from './doctor/report.js';
// Errors
export { BicotError, type BicotErrorCode, isBicotError } from './errors.js';
// Evaluation: how certain, and what is different
export {
  type BootstrapInterval,
  type BootstrapOptions,
  bootstrap,
  type IntervalOptions,
} from './evaluation/bootstrap.js';
export {
  type CompareOptions,
  type ComparisonRow,
  compareEvaluations,
  type EvaluationComparison,
} from './evaluation/compare.js';
export { type CrossedOptions, crossedBootstrap } from './evaluation/crossed.js';
export { type FormatOptions, formatComparison, formatSummary } from './evaluation/format.js';
export { holm } from './evaluation/holm.js';
export type { IntervalMethod } from './evaluation/intervals.js';
export { type Measure, type Measures, rewardMeasures } from './evaluation/measures.js';
export { type Nested, nestedMean } from './evaluation/nested.js';
export { type SignFlipOptions, signFlipTest } from './evaluation/sign-flip.js';
export {
  type EvaluationSummary,
  type SummarizeOptions,
  type SummaryRow,
  summarize,
} from './evaluation/summarize.js';
// Kernels: the coarse operations models are made of
export { attention, causalMask, MASKED_SCORE } from './kernels/attention.js';
export type { CachePlan, DecodeRows, KeyValueCache, KeyValueCaches } from './kernels/cache-plan.js';
export { causalAttention } from './kernels/causal-attention.js';
export {
  currentKernels,
  type KernelChoice,
  type KernelOptions,
  loadKernels,
  setKernels,
} from './kernels/choice.js';
export { withGradient } from './kernels/custom-gradient.js';
export { type Decoder, type DecoderBlock, decodeBlocks } from './kernels/decode-blocks.js';
export { embed } from './kernels/embedding.js';
export type { CacheSizes, CacheTensors, StoredCache } from './kernels/fused/key-value-cache.js';
export { gelu } from './kernels/gelu.js';
export { type HeadLogProbsOptions, headLogProbs, type OutputHead } from './kernels/head-log-probs.js';
export { keyValueCaches } from './kernels/key-value-cache.js';
export { type LinearOptions, linear, type ProjectionsOptions, projections } from './kernels/linear.js';
export { type PackedLinear, packLinear } from './kernels/packed-linear.js';
export { addRmsNorm, type NormedStream, rmsNorm } from './kernels/rms-norm.js';
export { type RotaryTables, rotaryTables, rotate } from './kernels/rotary.js';
export { swiglu } from './kernels/swiglu.js';
export { tokenEntropy } from './kernels/token-entropy.js';
export { tokenLogProbs } from './kernels/token-log-probs.js';
// Objective: advantages, ratio, clip, KL, entropy, loss, presets
export {
  type AdvantageBaseline,
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
export { aggregate } from './objective/aggregate.js';
export { type ClipRange, clip, isClipped } from './objective/clip.js';
export {
  type AdaptiveCoefficient,
  type AdaptiveEntropyOptions,
  type AdaptiveKlOptions,
  adaptiveEntropy,
  adaptiveKl,
  type Coefficient,
  type CoefficientState,
  coefficientValue,
  initialState,
  nextState,
} from './objective/coefficient.js';
export {
  type CombinedRewards,
  type CombineOptions,
  combineRewards,
  type RewardAggregation,
} from './objective/combine.js';
export { crossEntropy } from './objective/cross-entropy.js';
export { topEntropyMask } from './objective/entropy.js';
export { type ImportanceCorrection, importanceWeights, offPolicyMask } from './objective/importance.js';
export { checkKlKind, type KlKind, kl } from './objective/kl.js';
export type { ByLevel, LevelName } from './objective/level-name.js';
export {
  grpoLoss,
  type LevelLossInput,
  type LossLevel,
  type LossObjective,
  levelLoss,
} from './objective/loss.js';
export {
  prepareReward,
  type RewardNormalization,
  type RewardPreparation,
  rankWithinGroups,
} from './objective/normalize-reward.js';
export {
  type AdvantageObjective,
  type LevelObjective,
  type LossCoefficients,
  levelObjective,
  lossObjective,
  type Objective,
} from './objective/objective.js';
export {
  balanced,
  bnpo,
  cispo,
  dapo,
  drGrpo,
  grpo,
  gspo,
  type ObjectiveOptions,
  PRESET_NAMES,
  type PresetName,
  presetObjective,
  sapo,
  t2iR1,
} from './objective/presets.js';
export { MAX_LOG_RATIO, type RatioLevel, ratio, rowMeans } from './objective/ratio.js';
export type { RewardTable } from './objective/reward-table.js';
export { type RewardSharesInput, rewardShares } from './objective/shares.js';
export { type LevelStats, type LevelStatsInput, levelStats, type StatsObjective } from './objective/stats.js';
export { clipped, unclipped } from './objective/surrogates/clipped.js';
export { type ClippedWeightOptions, clippedWeight } from './objective/surrogates/clipped-weight.js';
export { type SoftGateOptions, softGate } from './objective/surrogates/soft-gate.js';
export type { Surrogate, SurrogateTerms } from './objective/surrogates/surrogate.js';
export {
  type Abstention,
  type RewardCombination,
  rewardTotal,
  type TotalOptions,
} from './objective/total.js';
export {
  type LevelTokens,
  type Normalizer,
  type TokenWeightOptions,
  tokenWeights,
} from './objective/weights.js';
export type { ZeroVariance } from './objective/zero-variance.js';
// Who computes
export type {
  Executor,
  ExecutorSource,
  ExecutorStart,
  ExecutorTask,
  PoolScoreOptions,
  PoolTaskOptions,
  WeightSnapshot,
} from './parallel/executor.js';
export type { PooledPass } from './parallel/gradient-memory.js';
export type { ParallelOptions, WorkerTask } from './parallel/options.js';
export {
  isWorkerPool,
  type WorkerPool,
  workerPool,
  workerThreads,
} from './parallel/pool.js';
export type { HostPass } from './parallel/protocol.js';
export type { Spawn, WorkerThread } from './parallel/thread.js';
// Policy: the contract and what is derived from it
export type {
  GuidanceLogProbs,
  GuidanceOptions,
  SamplingOptions,
  TokenDistribution,
} from './policy/distribution.js';
export { type KeptSet, sliceKeptSet } from './policy/kept.js';
export {
  type CompletionScores,
  completionLogProbs,
  completionScores,
  type ScoredBatch,
} from './policy/log-probs.js';
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
export type { Recipe } from './recipe.js';
// Rewards
export { cachedReward, type RewardCacheOptions } from './rewards/cache/cached.js';
export { type KnownResult, memoryRewardStore, type RewardStore } from './rewards/cache/store.js';
export type { RewardCallOptions } from './rewards/calls/options.js';
export { resilientReward } from './rewards/calls/resilient.js';
export {
  assignToBestNoun,
  type Box,
  type Detection,
  distinctObjects,
  intersectionOverUnion,
  nonMaximumSuppression,
} from './rewards/detection.js';
export { concatEnsembleResults } from './rewards/ensemble/concat.js';
export {
  type EnsembleOptions,
  evaluateReward,
  type RewardEnsemble,
  rewardEnsemble,
} from './rewards/ensemble/ensemble.js';
export type { FailurePolicy, RewardFailure } from './rewards/ensemble/failures.js';
export { isRewardEnsemble } from './rewards/ensemble/is-ensemble.js';
export type { EnsembleMember, RewardGate } from './rewards/ensemble/member.js';
export type { CallStatistics } from './rewards/ensemble/report.js';
export type { CombiningSettings, EnsembleResult } from './rewards/ensemble/result.js';
export {
  type MemberStatistics,
  type RewardStatistics,
  rewardStatistics,
} from './rewards/ensemble/statistics.js';
export { groupSizeOf } from './rewards/groups.js';
export { canonicalLocality, LOCALITIES, type Relation } from './rewards/locality.js';
export {
  type Abstain,
  abstain,
  type Failure,
  failure,
  type RewardCall,
  type RewardEvent,
  type RewardFunction,
  type RewardResult,
  type Sample,
  type Score,
  score,
} from './rewards/reward.js';
export type { RuleOptions } from './rewards/rule-options.js';
export {
  attributeScore,
  type NumeracyItem,
  numeracyScore,
  objectScore,
  type RuleRow,
  ruleScore,
} from './rewards/rules.js';
export { relationScore, type SpatialInfo, spatialScore } from './rewards/spatial.js';
// Rollouts
export {
  type BiLevelOptions,
  biLevelRollout,
  type SampledPlan,
  type SemanticLevel,
  type TokenLevel,
} from './rollout/bi-level.js';
export { concatRollouts, selectGroups } from './rollout/groups.js';
export {
  type LevelLogProbsOptions,
  levelLogProbs,
  levelScores,
  type RowRange,
} from './rollout/level-log-probs.js';
export { type OneLevelOptions, oneLevelRollout } from './rollout/one-level.js';
export type { RolloutFunction, RolloutProgress, RolloutRequest } from './rollout/request.js';
export type { LevelTerms } from './rollout/terms.js';
export type { LevelRollout, Rollout } from './rollout/types.js';
// Sampling
export { sampleInChunks } from './sampling/chunks.js';
export { recomputeDecoding } from './sampling/recompute.js';
export {
  type Completions,
  type SampleFunction,
  type SampleRequest,
  type SamplingProgress,
  sampleCompletions,
} from './sampling/sampler.js';
// Tensors: shapes, masks, seeded noise
export { checkpoint } from './tensor/checkpoint.js';
export { clamp } from './tensor/clamp.js';
export { assertGradientsRegistered, stopGradient, untaped } from './tensor/gradients.js';
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
export { loadRunWeights, type RunWeightsOptions } from './train/checkpoints/load-weights.js';
export type { CheckpointOptions, KeepBest, Resume } from './train/checkpoints/options.js';
export { type Phase, type PhaseClock, phaseClock } from './train/clock.js';
export {
  advanceCoefficients,
  type Coefficients,
  type LevelCoefficients,
  lossCoefficients,
  type ObservedLevel,
  startCoefficients,
} from './train/coefficients.js';
export { type EmaOptions, type WeightAverage, weightAverage } from './train/ema.js';
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
export { inProcess } from './train/in-process.js';
export {
  assertOwnLevel,
  type LevelBatch,
  type LevelBatchOptions,
  levelBatches,
} from './train/levels.js';
export type { Logger } from './train/logger.js';
export {
  type LevelMetrics,
  type LevelMetricsInput,
  levelMetrics,
  type ScoredUpdates,
  type StepMetrics,
  type StepSeconds,
  withoutTiming,
} from './train/metrics.js';
export { type MonitorState, type TrainingMonitor, trainingMonitor } from './train/monitor/monitor.js';
export type { MonitorOptions } from './train/monitor/options.js';
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
