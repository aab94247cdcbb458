import * as tf from '@tensorflow/tfjs';
import type { NamedVariables } from '../policy/policy.js';
import type { Optimizer } from '../train/optimizer.js';

/** Values to go back to. */
export interface Snapshot {
  /** Puts the very same data back, and frees the snapshot. Safe to call twice. */
  restore(): void;
}

/** The values of a policy's variables. */
export function snapshotOf(variables: NamedVariables): Snapshot {
  // A clone shares its data with the variable until one of them is assigned: nothing is copied.
  const values = Object.values(variables).map((variable) => [variable, tf.keep(tf.clone(variable))] as const);
  return {
    restore() {
      for (const [variable, value] of values.splice(0)) {
        variable.assign(value);
        value.dispose();
      }
    },
  };
}

/** The state of an optimiser. */
export function snapshotOfOptimizer(optimizer: Optimizer): Snapshot {
  const { step } = optimizer;
  let state: Record<string, tf.Tensor> | undefined = {};
  for (const [name, value] of Object.entries(optimizer.state())) state[name] = tf.keep(tf.clone(value));
  return {
    restore() {
      if (!state) return;
      optimizer.restore(state, step);
      tf.dispose(state);
      state = undefined;
    },
  };
}

/** An optimiser that changes nothing, to look at gradients with. */
export function idleOptimizer(): Optimizer {
  return { update() {}, step: 0, state: () => ({}), restore() {}, dispose() {} };
}
