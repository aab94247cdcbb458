import * as tf from '@tensorflow/tfjs';
import { isFused } from './choice.js';
import { composedAdamW } from './composed/adamw.js';
import { ADAM_W, type AdamWNumbers, fusedAdamW } from './fused/adamw.js';

/** A variable's value, its gradient and the moments so far; a moment that is absent is 0. */
export interface AdamWState {
  readonly variable: tf.Tensor;
  readonly gradient: tf.Tensor;
  readonly mean?: tf.Tensor;
  readonly square?: tf.Tensor;
}

/** What an update makes of it. */
export interface AdamWNext {
  readonly variable: tf.Tensor;
  readonly mean: tf.Tensor;
  readonly square: tf.Tensor;
}

/**
 * One AdamW update of one variable: `m ← β₁·m + (1 − β₁)·g`, `v ← β₂·v + (1 − β₂)·g²`,
 * `θ ← θ·shrink − rate · m / (√v · correction + ε)`.
 * @returns new tensors; the caller disposes them
 */
export function adamWUpdate(state: AdamWState, numbers: AdamWNumbers): AdamWNext {
  const { variable, gradient } = state;
  if (!isFused(ADAM_W, [variable, gradient])) return composedAdamW(state, numbers);
  return tf.tidy(() => {
    const { mean = tf.zerosLike(variable), square = tf.zerosLike(variable) } = state;
    const [next, nextMean, nextSquare] = fusedAdamW({ variable, gradient, mean, square }, numbers);
    return { variable: next, mean: nextMean, square: nextSquare };
  });
}
