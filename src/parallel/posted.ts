import * as tf from '@tensorflow/tfjs';
import { recipeOf } from '../recipe.js';
import type { LevelTerms } from '../rollout/terms.js';
import type { LevelRollout } from '../rollout/types.js';
import { unclonable } from './errors.js';
import type { PostedLevel, PostedTerms } from './protocol.js';

/** A level without its policy. */
export function postedLevel<C>(level: LevelRollout<C>): PostedLevel {
  const { policy: _, ...rest } = level;
  assertNoTensors(rest.contexts);
  return rest;
}

/**
 * Terms with a recipe in place of the surrogate.
 * @throws BicotError `unsupported` if the surrogate has none
 */
export function postedTerms<C>(terms: LevelTerms<C>): PostedTerms {
  const { surrogate, ...settings } = terms.loss;
  const made = surrogate && { surrogate: recipeOf(`the surrogate '${surrogate.name}'`, surrogate) };
  // One by one: a LevelBatch has more than its terms, and functions in it.
  const { advantages, weights, policyFactor, klWeights, entropyWeights } = terms;
  const { oldLogProbs, referenceLogProbs } = terms;
  return {
    ...{ advantages, weights, policyFactor, klWeights, entropyWeights, oldLogProbs, referenceLogProbs },
    level: postedLevel(terms.level),
    loss: { ...settings, ...made },
  };
}

/**
 * A tensor is an object of numbers to `postMessage`, and would arrive as one.
 * @throws BicotError `unsupported`
 */
export function assertNoTensors(contexts: readonly unknown[]): void {
  const isTensor = (value: unknown): boolean => value instanceof tf.Tensor;
  for (const context of new Set(contexts)) {
    const parts = typeof context === 'object' && context !== null ? Object.values(context) : [];
    // The elements of a typed array are values too, but never tensors.
    if (isTensor(context) || (!ArrayBuffer.isView(context) && parts.some(isTensor))) {
      throw unclonable('a context holds a tensor');
    }
  }
}
