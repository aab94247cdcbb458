import * as tf from '@tensorflow/tfjs';
import { createTransformer, type TransformerPolicy } from '../../models/transformer/transformer.js';
import type { TokenContext } from '../../policy/policy.js';

/** Ends a text. */
export const END = 2;

/** The shipped transformer in miniature, with heads large enough that a wrong distribution shows. */
export function tinyTransformer(): TransformerPolicy {
  const sizes = {
    textVocabulary: 17,
    imageVocabulary: 23,
    imageLength: 6,
    width: 16,
    layers: 2,
    heads: 2,
    hidden: 24,
  };
  const model = createTransformer({ ...sizes, endToken: END, specialTokens: 4 }, { seed: 'checkBackend' });
  for (const head of ['textHead', 'imageHead']) {
    const variable = model.variables[head] as tf.Variable;
    const larger = tf.mul(variable, 40);
    variable.assign(larger);
    larger.dispose();
  }
  return model;
}

/** Contexts of different lengths. */
export const CONTEXTS: readonly TokenContext[] = [
  [1, 5, 9, 7, 3],
  [1],
  [1, 8, 4],
  [1, 10, 6, 6, 0, 5, 3],
].map((ids) => ({ ids: Int32Array.from(ids) }));

/** Lends a model to an action, then frees it. */
export async function withModel<Result>(
  action: (model: TransformerPolicy) => Promise<Result>,
): Promise<Result> {
  const model = tinyTransformer();
  try {
    return await action(model);
  } finally {
    model.dispose();
  }
}
