import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Inputs variable, gradient, mean, square; the numbers of `AdamWNumbers`; outputs the three new values. */
export const ADAM_W = 'BicotAdamW';

/** What an AdamW update multiplies with. */
export interface AdamWNumbers extends Readonly<Record<string, number>> {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** η / (1 − β₁ᵗ) */
  readonly rate: number;
  /** 1 / √(1 − β₂ᵗ) */
  readonly correction: number;
  /** 1 − η·λ */
  readonly shrink: number;
}

export function fusedAdamW(
  inputs: Readonly<Record<'variable' | 'gradient' | 'mean' | 'square', tf.Tensor>>,
  numbers: AdamWNumbers,
): [variable: tf.Tensor, mean: tf.Tensor, square: tf.Tensor] {
  return runKernel<[tf.Tensor, tf.Tensor, tf.Tensor]>(ADAM_W, inputs, numbers);
}
