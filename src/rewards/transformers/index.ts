/**
 * Rewards that look at pictures with ONNX models, through transformers.js (the optional package
 * `@huggingface/transformers`), in Node and in browsers.
 *
 * @module bicot/rewards/transformers
 */
export type { Box, Detection } from '../detection.js';
export { type DetectionRewardOptions, detectionReward } from './detection-reward.js';
export type { Detector } from './detector.js';
export { type ImageTextSimilarityOptions, imageTextSimilarity } from './image-text-similarity.js';
export { type JudgeRewardOptions, judgeQuestion, judgeReward } from './judge-reward.js';
export type { Loaded } from './lazy-model.js';
export type { ModelSource } from './model-source.js';
export { type ObjectDetectionOptions, objectDetection } from './object-detection.js';
export type {
  OnnxConfig,
  OnnxLoader,
  OnnxModel,
  OnnxProcessor,
  OnnxTensor,
  OnnxTensors,
  OnnxTokenizer,
  TransformersModule,
} from './package.js';
export { loadTransformers } from './package.js';
export {
  nounQuestions,
  type QuestionRewardOptions,
  type QuestionRow,
  questionReward,
} from './question-reward.js';
export { type T2iR1Rewards, type T2iR1RewardsOptions, type T2iR1Row, t2iR1Rewards } from './t2i-r1.js';
export {
  formatDeviations,
  type T2iR1Deviation,
  type T2iR1Member,
  t2iR1Deviations,
} from './t2i-r1-deviations.js';
export { type AnswerTokens, yesNoProbability } from './yes-no.js';
export { type YesNoModel, type YesNoModelOptions, yesNoModel } from './yes-no-model.js';
