/** A surrogate of one's own: DPPO, whose trust region is a divergence instead of a ratio. */
import * as tf from '@tensorflow/tfjs';
import { bnpo, type Objective, type ObjectiveOptions, type Surrogate, stopGradient } from 'bicot';

/** DPPO's trust region. */
export interface DivergenceOptions {
  /** How the move of a token's probability is measured: its difference, or the KL of a token against all others. */
  readonly divergence?: 'tv' | 'kl';
  /** The most that it may fall. Default 0.2. */
  readonly low?: number;
  /** The most that it may rise. Default 0.2. */
  readonly high?: number;
  /** The most that a ratio counts. Default 20. */
  readonly max?: number;
}

/**
 * DPPO (arXiv 2602.04879; verl's `dppo_tv` and `dppo_kl`): a token stops pulling when its *probability* has moved too
 * far in the direction of its advantage. A rare token whose ratio is large but whose probability hardly changed goes
 * on, where a clipped ratio would stop it. With p = exp(lp):
 *
 *     l_it = −A_i·sg(min(r_it, max))·lp_it·v_it
 *     tv:  v = [p − p_old ≤ high] if A > 0 else [p − p_old ≥ −low]
 *     kl:  v = [p ≤ p_old or D ≤ high] if A > 0 else [p ≥ p_old or D ≤ low],
 *          D = p_old·log(p_old / p) + (1 − p_old)·log((1 − p_old) / (1 − p))
 */
export function divergenceBounded(options: DivergenceOptions = {}): Surrogate {
  const { divergence = 'tv', low = 0.2, high = 0.2, max = 20 } = options;
  return {
    name: `dppo-${divergence}`,
    settings: { low, high, max },
    recipe: { module: import.meta.url, name: 'divergenceBounded', args: [options] },
    loss: ({ logProbs, oldLogProbs, ratio, advantages, mask }) => {
      const now = stopGradient(logProbs);
      const p = tf.exp(now); // [N, T]
      const old = tf.exp(oldLogProbs); // [N, T]
      const moved = tf.sub(p, old); // [N, T]
      let up: tf.Tensor;
      let down: tf.Tensor;
      if (divergence === 'tv') {
        up = tf.lessEqual(moved, high);
        down = tf.greaterEqual(moved, -low);
      } else {
        const rest = (q: tf.Tensor) => tf.add(tf.sub(1, q), 1e-8);
        const others = tf.mul(tf.sub(1, old), tf.log(tf.div(rest(old), rest(p))));
        const d = tf.add(tf.mul(old, tf.sub(oldLogProbs, now)), others); // [N, T]
        up = tf.logicalOr(tf.lessEqual(moved, 0), tf.lessEqual(d, high));
        down = tf.logicalOr(tf.greaterEqual(moved, 0), tf.lessEqual(d, low));
      }
      // Not tf.where, which on wasm writes past the end of bool tensors.
      const good = tf.greater(advantages, tf.zerosLike(mask)); // [N, T]
      const bad = tf.logicalNot(good);
      const valid = tf.cast(tf.logicalOr(tf.logicalAnd(good, up), tf.logicalAnd(bad, down)), 'float32');
      const weight = stopGradient(tf.mul(tf.minimum(ratio, max), valid)); // [N, T]
      return tf.neg(tf.mul(tf.mul(weight, advantages), logProbs));
    },
  };
}

/** DPPO as an objective: one mean over all tokens of the batch; no KL penalty unless asked for. */
export function dppo(options: ObjectiveOptions = {}): Objective {
  return bnpo({ name: 'dppo', surrogate: divergenceBounded(), ...options });
}
