import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { assertKnownOptions, assertNumber, POSITIVE } from '../../options.js';
import { withRecipe } from '../../recipe.js';
import { clamp } from '../../tensor/clamp.js';
import { stopGradient } from '../../tensor/gradients.js';
import type { Surrogate } from './surrogate.js';

/** Bounds of the weights. They are ratios, not distances from 1. */
export interface ClippedWeightOptions {
  /** The most a token's ratio counts (TRL's `epsilon_high` for this loss; 5 in ScaleRL). Default 5. */
  readonly max?: number;
  /** The least it counts. Default 0: no lower bound. */
  readonly min?: number;
}

/**
 * CISPO's loss (MiniMax-M1, arXiv 2506.13585, eq. 4): the ratio is clipped as a *weight*, so that every token keeps a
 * gradient, however far it has moved:
 *
 *     l_it = −sg(clip(r_it, min, max))·A_i·lp_it
 *
 * @throws BicotError `value` for bounds that make no sense
 */
export function clippedWeight(options: ClippedWeightOptions = {}): Surrogate {
  assertKnownOptions('clippedWeight', options, ['max', 'min']);
  const { max = 5, min = 0 } = options;
  assertNumber('clippedWeight', 'max', max, POSITIVE);
  if (!(min >= 0 && min <= max)) {
    throw new BicotError(
      'value',
      `clippedWeight: min is ${min} and max ${max}, but needs 0 ≤ min ≤ max; both are ratios (1.28 means ε = 0.28).`,
    );
  }
  const surrogate: Surrogate = {
    name: 'clippedWeight',
    settings: { min, max },
    loss: ({ logProbs, ratio, advantages }) => {
      const weight = stopGradient(clamp(ratio, min, max)); // [N, T]
      return tf.neg(tf.mul(tf.mul(weight, advantages), logProbs));
    },
  };
  return withRecipe(surrogate, 'clippedWeight', [options]);
}
