import * as tf from '@tensorflow/tfjs';
import type { NamedVariables } from '../../policy/policy.js';

/**
 * The variables among some tensors by name; pieces of one are numbered, `name.0` and so on.
 * @param tensors each in its pieces
 */
export function namedVariables(tensors: ReadonlyMap<string, readonly tf.Tensor[]>): NamedVariables {
  const named: Record<string, tf.Variable> = {};
  for (const [name, pieces] of tensors) {
    pieces.forEach((piece, i) => {
      if (piece instanceof tf.Variable) named[pieces.length > 1 ? `${name}.${i}` : name] = piece;
    });
  }
  return named;
}
