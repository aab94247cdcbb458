import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { adamWUpdate } from '../kernels/adamw.js';
import type { NamedVariables } from '../policy/policy.js';
import { assertShape } from '../tensor/shape.js';
import type { Gradients } from './gradients.js';

/**
 * Turns gradients into weight updates. State is keyed by variable NAME, so that it survives a change of
 * order and can be saved beside the weights.
 */
export interface Optimizer {
  /**
   * One update, in place. A variable without a gradient keeps its value and its state.
   * @param variables what to update
   * @param gradients by the same names; not disposed
   * @param learningRate of this update
   * @throws BicotError `value` for a gradient of an unknown variable, `shape` for one of another shape
   */
  update(variables: NamedVariables, gradients: Gradients, learningRate: number): void;
  /** Updates made so far. */
  readonly step: number;
  /** The state by name, for a checkpoint. Views: valid until the next update, the caller must not dispose them. */
  state(): Record<string, tf.Tensor>;
  /**
   * Replaces the state by what `state()` and `step` gave.
   * @param state copied; the caller keeps it
   */
  restore(state: Readonly<Record<string, tf.Tensor>>, step: number): void;
  /** Frees the state. Safe to call twice. */
  dispose(): void;
}

/** Options of `adamW`. */
export interface AdamWOptions {
  /** Decay of the mean of gradients. Default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  readonly beta2?: number;
  /** Added to the denominator. Default 1e-8. */
  readonly epsilon?: number;
  /** Decoupled weight decay λ. Default 0. */
  readonly weightDecay?: number;
  /** Which variables decay. Default: those of rank ≥ 2, so that biases and norm scales don't. */
  readonly decay?: (name: string, variable: tf.Variable) => boolean;
}

const MEAN = 'mean/';
const SQUARE = 'square/';

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019,
 * algorithm 2; as `torch.optim.AdamW`). The caller disposes it.
 * @throws BicotError `value` for options out of range
 */
export function adamW(options: AdamWOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  const decays = options.decay ?? ((_name, variable) => variable.rank >= 2);
  checkOptions(beta1, beta2, epsilon, weightDecay);
  let step = 0;
  let moments: Record<string, tf.Tensor> = {};

  function replace(key: string, value: tf.Tensor): void {
    moments[key]?.dispose();
    moments[key] = tf.keep(value);
  }

  function updateOne(name: string, variable: tf.Variable, gradient: tf.Tensor, learningRate: number): void {
    const shrink = weightDecay > 0 && decays(name, variable) ? 1 - learningRate * weightDecay : 1;
    const next = adamWUpdate(
      { variable, gradient, mean: moments[MEAN + name], square: moments[SQUARE + name] },
      {
        ...{ beta1, beta2, epsilon, shrink },
        rate: learningRate / (1 - beta1 ** step),
        correction: 1 / Math.sqrt(1 - beta2 ** step),
      },
    );
    variable.assign(next.variable);
    replace(MEAN + name, next.mean);
    replace(SQUARE + name, next.square);
  }

  return {
    get step() {
      return step;
    },
    update(variables, gradients, learningRate) {
      checkGradients(variables, gradients, learningRate);
      step += 1;
      for (const [name, variable] of Object.entries(variables)) {
        const gradient = gradients[name];
        if (gradient) tf.tidy(() => updateOne(name, variable, gradient, learningRate));
      }
    },
    state: () => ({ ...moments }),
    restore(state, restoredStep) {
      const copies = Object.entries(state).map(([key, value]) => [key, tf.keep(tf.clone(value))] as const);
      tf.dispose(moments);
      moments = Object.fromEntries(copies);
      step = restoredStep;
    },
    dispose() {
      tf.dispose(moments);
      moments = {};
    },
  };
}

function checkOptions(beta1: number, beta2: number, epsilon: number, weightDecay: number): void {
  const fraction = (value: number) => value >= 0 && value < 1;
  if (!fraction(beta1) || !fraction(beta2) || !(epsilon > 0) || !(weightDecay >= 0)) {
    throw new BicotError(
      'value',
      `adamW: beta1 ${beta1}, beta2 ${beta2}, epsilon ${epsilon}, weightDecay ${weightDecay}; betas must lie in [0, 1), epsilon must be positive and weightDecay 0 or more.`,
    );
  }
}

/** Before anything changes, so that a bad gradient leaves no half-made update. */
function checkGradients(variables: NamedVariables, gradients: Gradients, learningRate: number): void {
  if (!(learningRate >= 0 && Number.isFinite(learningRate))) {
    throw new BicotError(
      'value',
      `adamW: the learning rate is ${learningRate}; it must be a finite number, 0 or more. Check the schedule.`,
    );
  }
  for (const [name, gradient] of Object.entries(gradients)) {
    const variable = variables[name];
    if (!variable) {
      throw new BicotError(
        'value',
        `adamW: there is a gradient for "${name}" but no variable of that name; pass gradients under the names of policy.variables.`,
      );
    }
    assertShape(`adamW: gradient of "${name}"`, gradient, variable.shape);
  }
}
