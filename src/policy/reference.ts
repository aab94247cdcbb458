import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import type { TokenDistribution } from './distribution.js';
import { completionLogProbs, type ScoredBatch } from './log-probs.js';
import type { Policy } from './policy.js';

/** A frozen policy that the KL penalty pulls towards. */
export interface Reference<Context> {
  /**
   * Calls `score` with the policy that holds the frozen weights and returns its result. For a snapshot that is
   * the trained policy itself, with its weights swapped for the duration of the call: `score` must be
   * synchronous, and the weights are back afterwards even if it throws. Call it outside of gradient functions.
   * @throws BicotError `unsupported` if `score` is asynchronous
   */
  run<Result>(score: (policy: Policy<Context>) => Result): Result;
  /** Log-probs under the frozen weights, as `completionLogProbs`. `[N, T]`; the caller disposes it. */
  logProbs(batch: ScoredBatch<Context>, distribution?: TokenDistribution): tf.Tensor2D;
  /**
   * Moves the frozen weights towards the policy's present ones: `mixture · policy + (1 − mixture) · frozen`
   * (TR-DPO's soft update; TRL's `ref_model_mixup_alpha`). Default 1, a fresh snapshot.
   * @throws BicotError `unsupported` for a reference that is a policy of its own
   */
  sync(mixture?: number): void;
  /** Whose snapshot it is: then workers of that policy can score it. Absent for a policy of its own. */
  readonly snapshotOf?: Policy<Context>;
  /** The frozen weights by name, owned by the reference (for checkpoints). */
  readonly weights: Readonly<Record<string, tf.Tensor>>;
  /** Frees the snapshot. Safe to call twice. A policy of its own is left alone. */
  dispose(): void;
}

/**
 * A snapshot of a policy's present weights. Works for any policy: it copies the values of
 * `policy.variables` and lends them to the policy while the reference is scored, so no second model is built.
 * A policy that caches values computed from its variables must notice that their values change.
 * @returns the caller disposes it
 */
export function freezeReference<Context>(policy: Policy<Context>): Reference<Context> {
  const frozen = new Map<string, tf.Tensor>();
  for (const [name, variable] of Object.entries(policy.variables)) frozen.set(name, copyOf(variable));
  const alive = () => {
    if (frozen.size === 0 && Object.keys(policy.variables).length > 0) {
      throw new BicotError('value', 'This reference was disposed. Freeze a new one with freezeReference.');
    }
  };
  const run = <Result>(score: (policy: Policy<Context>) => Result): Result => {
    alive();
    return withWeights(policy, frozen, () => score(policy));
  };
  return {
    snapshotOf: policy,
    run,
    logProbs: (batch, distribution) =>
      run((frozenPolicy) => completionLogProbs(frozenPolicy, batch, distribution)),
    sync(mixture = 1) {
      alive();
      assertMixture(mixture);
      for (const [name, variable] of Object.entries(policy.variables)) {
        const old = frozen.get(name) as tf.Tensor;
        frozen.set(name, mixture === 1 ? copyOf(variable) : mixed(variable, old, mixture));
        old.dispose();
      }
    },
    get weights() {
      return Object.fromEntries(frozen);
    },
    dispose() {
      for (const value of frozen.values()) value.dispose();
      frozen.clear();
    },
  };
}

/** Uses another policy (same spaces and contexts, weights of its own) as the reference. It stays its owner's to dispose. */
export function policyReference<Context>(reference: Policy<Context>): Reference<Context> {
  const run = <Result>(score: (policy: Policy<Context>) => Result): Result => refusePromise(score(reference));
  return {
    run,
    logProbs: (batch, distribution) => completionLogProbs(reference, batch, distribution),
    sync() {
      throw new BicotError(
        'unsupported',
        'sync: this reference is a policy of its own, not a snapshot of the trained one. Use freezeReference(policy) for a reference that follows the policy.',
      );
    },
    get weights() {
      return reference.variables;
    },
    dispose() {},
  };
}

/** Lends values to the policy's variables for one synchronous call. */
function withWeights<Context, Result>(
  policy: Policy<Context>,
  weights: ReadonlyMap<string, tf.Tensor>,
  action: () => Result,
): Result {
  // A clone shares its data with the variable, and `assign` makes the variable share the value's: both only
  // count references, so nothing is copied and the very same data comes back.
  const own: [tf.Variable, tf.Tensor][] = [];
  try {
    for (const [name, variable] of Object.entries(policy.variables)) {
      own.push([variable, tf.keep(tf.clone(variable))]);
      variable.assign(weights.get(name) as tf.Tensor);
    }
    return refusePromise(action());
  } finally {
    for (const [variable, value] of own) {
      variable.assign(value);
      value.dispose();
    }
  }
}

function refusePromise<Result>(result: Result): Result {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
    throw new BicotError(
      'unsupported',
      'reference.run: the function is asynchronous, but the weights are only lent for a synchronous call. Return the tensors and read them afterwards.',
    );
  }
  return result;
}

/** A copy with data of its own (a clone would share it with the variable). Survives tf.tidy. */
function copyOf(value: tf.Tensor): tf.Tensor {
  // Multiplying by 1 keeps every bit; adding 0 would turn −0 into 0.
  return tf.tidy(() => tf.keep(tf.mul(value, tf.scalar(1, value.dtype as 'float32'))));
}

function mixed(now: tf.Tensor, old: tf.Tensor, mixture: number): tf.Tensor {
  return tf.tidy(() => tf.keep(tf.add(tf.mul(now, mixture), tf.mul(old, 1 - mixture))));
}

function assertMixture(mixture: number): void {
  if (!(mixture >= 0 && mixture <= 1)) {
    throw new BicotError(
      'value',
      `sync: mixture is ${mixture} but must lie in [0, 1]; 1 takes the policy's present weights.`,
    );
  }
}
