import * as tf from '@tensorflow/tfjs';
import { assertKnownOptions, assertNumber, POSITIVE } from '../../options.js';
import { withRecipe } from '../../recipe.js';
import { untaped } from '../../tensor/gradients.js';
import type { Surrogate } from './surrogate.js';

/** How sharply the gate closes. */
export interface SoftGateOptions {
  /** Temperature for tokens of positive advantage. Default 1. */
  readonly positive?: number;
  /** For the others; a little higher, as pushing tokens down is what makes training unstable. Default 1.05. */
  readonly negative?: number;
}

/**
 * SAPO's loss (arXiv 2511.20347, eq. 5–6): a soft gate instead of a clip, with τ by the sign of the advantage:
 *
 *     l_it = −σ(τ·(r_it − 1))·(4/τ)·A_i
 *
 * Its gradient at r = 1 is −A, and it fades with the distance from there.
 * @throws BicotError `value` for temperatures that are not above 0
 */
export function softGate(options: SoftGateOptions = {}): Surrogate {
  assertKnownOptions('softGate', options, ['positive', 'negative']);
  const { positive = 1, negative = 1.05 } = options;
  assertNumber('softGate', 'positive', positive, POSITIVE);
  assertNumber('softGate', 'negative', negative, POSITIVE);
  const surrogate: Surrogate = {
    name: 'softGate',
    settings: { positive, negative },
    loss: ({ ratio, advantages }) => {
      const sharpness = tf.where(
        tf.greater(advantages, 0),
        tf.fill(advantages.shape, positive),
        tf.fill(advantages.shape, negative),
      ); // [N, 1]
      const gate = sigmoid(tf.mul(sharpness, tf.sub(ratio, 1))); // [N, T]
      return tf.neg(tf.mul(gate, tf.mul(tf.div(4, sharpness), advantages)));
    },
  };
  return withRecipe(surrogate, 'softGate', [options]);
}

/**
 * σ(x), with a gradient that keeps its digits where the gate is closed: tf.sigmoid's is y·(1 − y), and 1 − y has none left
 * once y rounds to 1. There 1 − σ(−x) is the same, and its σ(−x) is a small number that float32 holds well.
 */
function sigmoid(x: tf.Tensor): tf.Tensor {
  const closed = untaped(() => tf.greater(x, 0));
  return tf.where(closed, tf.sub(1, tf.sigmoid(tf.neg(x))), tf.sigmoid(x));
}
