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
  const { level, loss, ...rest } = terms;
  const { surrogate, ...settings } = loss;
  const made = surrogate && { surrogate: recipeOf(`the surrogate '${surrogate.name}'`, surrogate) };
  return { ...rest, level: postedLevel(level), loss: { ...settings, ...made } };
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
