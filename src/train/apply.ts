import * as tf from '@tensorflow/tfjs';
import type { NamedVariables } from '../policy/policy.js';
import { clipByGlobalNorm, type Gradients } from './gradients.js';
import { assertFiniteNumber } from './guards.js';
import type { Optimizer } from './optimizer.js';

/** How summed gradients become an update. */
export interface ApplyOptions {
  /** Changes the variables; stays the caller's. */
  readonly optimizer: Optimizer;
  /** Of this one update. */
  readonly learningRate: number;
  /** Gradients are scaled down to this global norm. */
  readonly maxGradNorm: number;
  /** For errors, e.g. `train: step 3, update`. Default: the function's name. */
  readonly where?: string;
}

/**
 * Clips gradients and updates the variables with them.
 * @param gradients not disposed
 * @returns the global norm before clipping
 * @throws BicotError `non-finite`, with the variables unchanged
 */
export async function applyGradients(
  variables: NamedVariables,
  gradients: Gradients,
  options: ApplyOptions,
): Promise<number> {
  const { where = 'applyGradients' } = options;
  const clipped = await clipByGlobalNorm(gradients, options.maxGradNorm);
  try {
    assertFiniteNumber(where, 'the norm of the gradients', clipped.norm);
    options.optimizer.update(variables, clipped.gradients, options.learningRate);
  } finally {
    tf.dispose(clipped.gradients);
  }
  return clipped.norm;
}
