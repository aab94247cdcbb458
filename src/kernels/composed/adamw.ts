import * as tf from '@tensorflow/tfjs';
import type { AdamWNext, AdamWState } from '../adamw.js';
import type { AdamWNumbers } from '../fused/adamw.js';

/** `adamWUpdate` of stock operations. */
export function composedAdamW(state: AdamWState, numbers: AdamWNumbers): AdamWNext {
  const { variable, gradient } = state;
  const { beta1, beta2, epsilon, rate, correction, shrink } = numbers;
  return tf.tidy(() => {
    const mean = average(state.mean, gradient, beta1);
    const square = average(state.square, tf.square(gradient), beta2);
    const root = tf.mul(tf.sqrt(square), correction);
    const kept = shrink === 1 ? variable : tf.mul(variable, shrink);
    return {
      variable: tf.sub(kept, tf.mul(tf.div(mean, tf.add(root, epsilon)), rate)),
      mean,
      square,
    };
  });
}

/** `decay·old + (1 − decay)·next`, where no old means 0. */
function average(old: tf.Tensor | undefined, next: tf.Tensor, decay: number): tf.Tensor {
  const part = tf.mul(next, 1 - decay);
  return old ? tf.add(tf.mul(old, decay), part) : part;
}
