/** A surrogate of one's own: GMPO, in a few lines. */
import * as tf from '@tensorflow/tfjs';
import {
  type ClipRange,
  clamp,
  grpo,
  type Objective,
  type ObjectiveOptions,
  rowMeans,
  type Surrogate,
} from 'bicot';

/**
 * Geometric-mean policy optimisation (arXiv 2507.20673): the geometric mean of the tokens' ratios, each clipped in
 * log space, so that no single token can blow the product up. With x = log r:
 *
 *     x̄_it = min(x_it, clip(x_it, −low, high)) if A_i > 0, else max(x_it, clip(x_it, −low, high))
 *     l_i = −exp(mean_t x̄_it)·A_i
 */
export function geometricMean({ low, high }: ClipRange = { low: 0.4, high: 0.4 }): Surrogate {
  return {
    name: 'gmpo',
    settings: { low, high },
    ownRatio: true,
    recipe: { module: import.meta.url, name: 'geometricMean', args: [{ low, high }] },
    loss: ({ logRatio, advantages, mask }) => {
      const clipped = clamp(logRatio, -low, high); // [N, T]
      const good = tf.greater(advantages, tf.zerosLike(mask)); // [N, T]
      const careful = tf.where(good, tf.minimum(logRatio, clipped), tf.maximum(logRatio, clipped));
      return tf.neg(tf.mul(tf.exp(rowMeans(careful, mask)), advantages)); // [N, 1]
    },
  };
}

/** GMPO as an objective: the loss of a row, then the mean over rows; no KL penalty unless asked for. */
export function gmpo(options: ObjectiveOptions = {}): Objective {
  return grpo({ name: 'gmpo', surrogate: geometricMean(), klWeight: 0, ...options });
}
