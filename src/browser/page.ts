/**
 * All that a page needs, in one file without imports (`dist/bicot.min.js`): bicot, its models and rewards over HTTP, the choice
 * of a backend, the backends, and TensorFlow.js itself as `tf`. Not an entry point for bundlers.
 */
export * as tf from '@tensorflow/tfjs';
export * from '../index.js';
export * from '../models/index.js';
export * from '../rewards/http/index.js';
export type { RowRange } from '../rollout/level-log-probs.js';
export * from './index.js';
