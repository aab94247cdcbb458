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
