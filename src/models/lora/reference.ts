import { BicotError } from '../../errors.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import type { NamedVariables, Policy } from '../../policy/policy.js';
import type { Reference } from '../../policy/reference.js';
import type { LoraAdapters } from './adapters.js';

/**
 * Calls a function while the adapters are off, and gives what it returns. They are then what they were before, also if it
 * throws, and in calls inside each other.
 * @param action synchronous, and outside of gradient functions
 * @throws BicotError `unsupported` if it is asynchronous
 */
export function withoutAdapters<Result>(adapters: LoraAdapters, action: () => Result): Result {
  const { power } = adapters;
  const before = power.on;
  power.on = false;
  try {
    const result = action();
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
      throw new BicotError(
        'unsupported',
        'withoutAdapters: the function is asynchronous, but adapters are off for a synchronous call only. Return the tensors and read them afterwards.',
      );
    }
    return result;
  } finally {
    power.on = before;
  }
}

/**
 * The model without its adapters as the frozen reference: it costs no memory. What adapters were trained to before does not
 * count either; for a reference that starts where the training starts, or that moves, take `freezeReference(policy)`, which
 * copies A and B.
 *
 * It is no snapshot (`snapshotOf`), so that workers leave it to the calling thread: a worker has a copy of the policy with
 * a switch of its own, and gets values of variables, of which this has none. `freezeReference(policy)` of adapters that
 * are not trained yet is scored by workers, and gives the same log-probs.
 * @param policy computes with the adapters, and trains nothing else
 * @returns nothing to dispose
 * @throws BicotError `unsupported` if the policy trains other variables than the adapters': those would not be frozen
 */
export function adapterReference<Context>(
  policy: Policy<Context>,
  adapters: LoraAdapters,
): Reference<Context> {
  assertOnlyAdapters(policy.variables, adapters);
  const run = <Result>(score: (policy: Policy<Context>) => Result): Result =>
    withoutAdapters(adapters, () => score(policy));
  return {
    run,
    logProbs: (batch, distribution) => run((frozen) => completionLogProbs(frozen, batch, distribution)),
    sync() {
      throw new BicotError(
        'unsupported',
        'sync: this reference is the model without its adapters, which stays as it is. Use freezeReference(policy) for a reference that follows the policy.',
      );
    },
    weights: {},
    dispose() {},
  };
}

function assertOnlyAdapters(trained: NamedVariables, adapters: LoraAdapters): void {
  const own = new Set(Object.values(adapters.variables));
  const others = Object.entries(trained).filter(([, variable]) => !own.has(variable));
  if (others.length === 0) return;
  throw new BicotError(
    'unsupported',
    `adapterReference: the policy also trains ${others.map(([name]) => name).join(', ')}, which turning adapters off does not take back. Leave them out of policy.variables, or use freezeReference(policy).`,
  );
}
