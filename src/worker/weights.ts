import * as tf from '@tensorflow/tfjs';
import { tensorOfNow } from '../backends/host-memory.js';
import { BicotError } from '../errors.js';
import type { TaskWeights, WeightEntry, WeightSet } from '../parallel/protocol.js';
import type { NamedVariables } from '../policy/policy.js';

/** The values that a worker has of the shared weights. */
export interface LocalWeights {
  /** Gives the variables the weights of a task, copied if they are newer than the worker's. */
  use(weights: TaskWeights): void;
}

interface LocalSet {
  readonly version: number;
  readonly values: readonly tf.Tensor[];
}

/**
 * Weights for the variables of a worker's policy.
 * @throws BicotError `value` if the policy has other variables than those that are shared
 */
export function localWeights(variables: NamedVariables, layout: readonly WeightEntry[]): LocalWeights {
  assertLayout(variables, layout);
  const sets = new Map<WeightSet, LocalSet>();
  let used: LocalSet | undefined;
  return {
    use(weights) {
      let set = sets.get(weights.set);
      if (set?.version !== weights.version) {
        tf.dispose(set?.values as tf.Tensor[] | undefined);
        set = { version: weights.version, values: copied(weights.buffer, layout) };
        sets.set(weights.set, set);
      }
      if (set === used) return;
      // The variable then shares the values' data; nothing is copied.
      layout.forEach(({ name }, i) => {
        variables[name]?.assign((set as LocalSet).values[i] as tf.Tensor);
      });
      used = set;
    },
  };
}

function copied(buffer: SharedArrayBuffer, layout: readonly WeightEntry[]): tf.Tensor[] {
  const shared = new Float32Array(buffer);
  return layout.map(({ shape, offset, size }) =>
    tf.keep(tensorOfNow(shared.subarray(offset, offset + size), shape)),
  );
}

function assertLayout(variables: NamedVariables, layout: readonly WeightEntry[]): void {
  const told = (entries: readonly (readonly [string, readonly number[]])[]) =>
    entries.map(([name, shape]) => `${name} [${shape.join(', ')}]`).sort();
  const own = told(Object.entries(variables).map(([name, { shape }]) => [name, shape]));
  const wanted = told(layout.map(({ name, shape }) => [name, shape]));
  if (own.join() === wanted.join()) return;
  const missing = wanted.filter((entry) => !own.includes(entry));
  const extra = own.filter((entry) => !wanted.includes(entry));
  throw new BicotError(
    'value',
    `parallel: the recipe of the policy makes another one: its variables lack ${missing.join(', ') || 'nothing'}, and have ${extra.join(', ') || 'nothing'} besides. Call the function with the same arguments as the policy was made with.`,
  );
}
