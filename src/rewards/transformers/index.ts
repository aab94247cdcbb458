/**
 * Rewards that look at pictures with ONNX models, through transformers.js (the optional package
 * `@huggingface/transformers`), in Node and in browsers.
 *
 * @module bicot/rewards/transformers
 */
export type { Loaded } from './lazy-model.js';
export type { ModelSource } from './model-source.js';
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
