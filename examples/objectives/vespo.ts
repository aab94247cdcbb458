/** A surrogate of one's own: VESPO, with a weight for a whole sequence. */
import * as tf from '@tensorflow/tfjs';
import { bnpo, clamp, type Objective, type ObjectiveOptions, type Surrogate } from 'bicot';

/** The shape of VESPO's weight for samples of advantage ≥ 0 and below. */
export interface GammaOptions {
  readonly positive?: { readonly k: number; readonly lambda: number };
  readonly negative?: { readonly k: number; readonly lambda: number };
}

/** TRL's lower end of the sequence's log-ratio, log 1e-8. */
const LOWEST = Math.log(1e-8);

/**
 * VESPO (arXiv 2602.10693; TRL's `vespo`): tokens are pulled as in REINFORCE, with a smooth weight for the ratio w of
 * the whole sequence that is 1 at w = 1 and fades to both sides:
 *
 *     w_i = exp(Σ_t x_it),  φ(w) = exp(λ + k·log w − λ·w),  l_it = −sg(φ(w_i))·A_i·lp_it
 */
export function gammaWeighted(options: GammaOptions = {}): Surrogate {
  const { positive = { k: 2, lambda: 3 }, negative = { k: 3, lambda: 2 } } = options;
  return {
    name: 'vespo',
    settings: { kPos: positive.k, lambdaPos: positive.lambda, kNeg: negative.k, lambdaNeg: negative.lambda },
    ownRatio: true,
    recipe: { module: import.meta.url, name: 'gammaWeighted', args: [options] },
    loss: ({ logProbs, logRatio, advantages, mask }) => {
      const weight = tf.customGrad((x) => {
        const good = tf.greaterEqual(advantages, 0); // [N, 1]
        const choose = (a: number, b: number) =>
          tf.where(good, tf.fill(advantages.shape, a), tf.fill(advantages.shape, b)); // [N, 1]
        const k = choose(positive.k, negative.k);
        const lambda = choose(Math.max(positive.lambda, 1e-4), Math.max(negative.lambda, 1e-4));
        const logWeight = clamp(tf.sum(tf.mul(x as tf.Tensor, mask), 1, true), LOWEST, 20); // [N, 1]
        // log φ = λ + k·log w − λ·w
        const logPhi = tf.add(lambda, tf.sub(tf.mul(k, logWeight), tf.mul(lambda, tf.exp(logWeight))));
        return { value: tf.exp(logPhi), gradFunc: () => [tf.zeros(logRatio.shape)] };
      })(logRatio);
      return tf.neg(tf.mul(tf.mul(weight, advantages), logProbs)); // [N, T]
    },
  };
}

/** VESPO as an objective: one mean over all tokens of the batch; no KL penalty unless asked for. */
export function vespo(options: ObjectiveOptions = {}): Objective {
  return bnpo({ name: 'vespo', surrogate: gammaWeighted(), ...options });
}
