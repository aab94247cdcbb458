import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { assertKnownOptions, assertNumber } from '../options.js';
import type { NamedVariables } from '../policy/policy.js';

/** How weights are averaged. */
export interface EmaOptions {
  /** What remains of the average at each step, in [0, 1). 0.999 looks back over some 1000 steps. */
  readonly decay: number;
}

/** An exponential moving average of a policy's weights: smoother than they are, and often better to evaluate. */
export interface WeightAverage {
  /** Takes the present weights in: `average ← decay · average + (1 − decay) · weights`. */
  update(): void;
  /**
   * Lends the average to the policy while something is done with it, such as an evaluation. Don't train meanwhile.
   * @throws BicotError `value` if the average is already lent; what `action` throws, with the weights back in place
   */
  use<Result>(action: () => Promise<Result>): Promise<Result>;
  /** The averages by name, owned by this object (for checkpoints). */
  readonly weights: Readonly<Record<string, tf.Tensor>>;
  /**
   * Replaces the averages.
   * @param weights by the policy's names; copied, the caller keeps them
   */
  restore(weights: Readonly<Record<string, tf.Tensor>>): void;
  /** Frees the average. Safe to call twice. */
  dispose(): void;
}

/**
 * Throws unless weights can be averaged so.
 * @throws BicotError `value`
 */
export function checkEma(what: string, options: EmaOptions): void {
  assertKnownOptions(what, options, ['decay']);
  assertNumber(what, 'decay', options.decay, {
    words: 'in [0, 1); 0.99 to 0.9999 are usual',
    test: (value) => value >= 0 && value < 1,
  });
}

/**
 * An average that begins with the variables' present values.
 * @returns the caller disposes it
 * @throws BicotError `value`
 */
export function weightAverage(variables: NamedVariables, options: EmaOptions): WeightAverage {
  checkEma('weightAverage', options);
  const { decay } = options;
  const averages = new Map<string, tf.Tensor>();
  const set = (name: string, value: tf.Tensor): void => {
    averages.get(name)?.dispose();
    averages.set(name, tf.keep(value));
  };
  const copyOf = (value: tf.Tensor): tf.Tensor => tf.tidy(() => tf.add(value, 0));
  for (const [name, variable] of Object.entries(variables)) set(name, copyOf(variable));
  let lent = false;
  return {
    update() {
      for (const [name, variable] of Object.entries(variables)) {
        const average = averages.get(name) as tf.Tensor;
        set(
          name,
          tf.tidy(() => average.mul(decay).add(variable.mul(1 - decay))),
        );
      }
    },
    async use(action) {
      if (lent)
        throw new BicotError('value', 'This weight average is already lent; wait until that is over.');
      lent = true;
      // A clone shares its data with the variable: only references change hands.
      const own = Object.entries(variables).map(([name, variable]) => {
        const value = tf.keep(tf.clone(variable));
        variable.assign(averages.get(name) as tf.Tensor);
        return [variable, value] as const;
      });
      try {
        return await action();
      } finally {
        for (const [variable, value] of own) {
          variable.assign(value as tf.Tensor<tf.Rank>);
          value.dispose();
        }
        lent = false;
      }
    },
    get weights() {
      return Object.fromEntries(averages);
    },
    restore(weights) {
      for (const name of averages.keys()) set(name, copyOf(weights[name] as tf.Tensor));
    },
    dispose() {
      for (const value of averages.values()) value.dispose();
      averages.clear();
    },
  };
}
