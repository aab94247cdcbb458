import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import type { NamedVariables } from '../policy/policy.js';
import { variableGradients } from '../tensor/gradients.js';

/** Gradients by variable name. Variables that the loss does not depend on are absent. */
export type Gradients = Readonly<Record<string, tf.Tensor>>;

/** A loss and its gradients. */
export interface LossGradients {
  /** Scalar; the caller disposes it. */
  readonly loss: tf.Scalar;
  /** The caller disposes them. */
  readonly gradients: Gradients;
}

/**
 * The gradients of a loss under the policy's own variable names (TensorFlow.js reports its global ones).
 * @param loss called once, inside a tidy; depends on at least one of the variables
 * @param variables whose gradients to take
 * @throws BicotError `value` if the loss depends on none of them
 */
export function lossGradients(loss: () => tf.Scalar, variables: NamedVariables): LossGradients {
  const found = variableGradients(loss, Object.values(variables));
  if (!found) {
    throw new BicotError(
      'value',
      'lossGradients: the loss depends on none of the variables, so that nothing can be trained. List in policy.variables what logits() computes with, and compute with the variables themselves, not with copies of their values.',
    );
  }
  const { value, grads } = found;
  const gradients: Record<string, tf.Tensor> = {};
  for (const [name, variable] of Object.entries(variables)) {
    const gradient = grads[variable.name];
    if (gradient) gradients[name] = gradient;
  }
  return { loss: value, gradients };
}

/** √(Σ g²) over all gradients; 0 if there are none. One number is downloaded. */
export async function globalNorm(gradients: Gradients): Promise<number> {
  const tensors = Object.values(gradients);
  if (tensors.length === 0) return 0;
  // Not addN: on WebGPU it gives garbage, and no error, for more tensors than a shader may read, which is 7.
  const norm = tf.tidy(() =>
    tf.sqrt(tensors.map((g) => tf.sum(tf.square(g))).reduce((sum, square) => tf.add(sum, square))),
  );
  const values = await norm.data();
  norm.dispose();
  return values[0] as number;
}

/** What `clipByGlobalNorm` gives. */
export interface ClippedGradients {
  /** New tensors; the caller disposes them. */
  readonly gradients: Gradients;
  /** The norm before clipping; may be non-finite, then nothing was scaled and the caller decides. */
  readonly norm: number;
}

/**
 * Scales all gradients by `min(1, maxNorm / norm)` (Pascanu et al. 2013, "On the difficulty of training
 * recurrent neural networks"; as `optax.clip_by_global_norm`).
 * @param gradients not disposed
 * @param maxNorm above 0; `Infinity` never clips
 * @throws BicotError `value` if `maxNorm` is not above 0
 */
export async function clipByGlobalNorm(gradients: Gradients, maxNorm: number): Promise<ClippedGradients> {
  assertMaxNorm(maxNorm);
  const norm = await globalNorm(gradients);
  const clips = Number.isFinite(norm) && norm > maxNorm;
  const scaled: Record<string, tf.Tensor> = {};
  for (const [name, gradient] of Object.entries(gradients)) {
    scaled[name] = clips ? tf.mul(gradient, maxNorm / norm) : tf.clone(gradient);
  }
  return { gradients: scaled, norm };
}

/** @throws BicotError `value` unless the norm is above 0 */
export function assertMaxNorm(maxNorm: number): void {
  if (!(maxNorm > 0)) {
    throw new BicotError(
      'value',
      `clipByGlobalNorm: maxNorm is ${maxNorm}; it must be above 0 (Infinity never clips).`,
    );
  }
}

/** A running sum of gradients, for micro-batches. */
export interface GradientAccumulator {
  /** Adds gradients, which it takes over and disposes. */
  add(gradients: Gradients): void;
  /** The sum so far; owned by the accumulator. */
  total(): Gradients;
  /** Hands over the sum, which the caller disposes, and starts again from nothing. */
  take(): Gradients;
  /** Frees the sum. Safe to call twice. */
  dispose(): void;
}

/** An empty sum; the caller disposes it. Keys may differ between additions. */
export function gradientAccumulator(): GradientAccumulator {
  let sums: Record<string, tf.Tensor> = {};
  return {
    add(gradients) {
      for (const [name, gradient] of Object.entries(gradients)) {
        const old = sums[name];
        sums[name] = tf.keep(old ? tf.add(old, gradient) : tf.clone(gradient));
        tf.dispose([gradient, ...(old ? [old] : [])]);
      }
    },
    total: () => sums,
    take() {
      const taken = sums;
      sums = {};
      return taken;
    },
    dispose() {
      tf.dispose(sums);
      sums = {};
    },
  };
}
