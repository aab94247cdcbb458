import * as tf from '@tensorflow/tfjs';
import type { Policy } from './policy.js';

/**
 * Trainable variables that log-probs depend on but that the policy does not list, by TensorFlow.js's names for them.
 * On purpose where only a part is trained (LoRA, a frozen encoder); forgotten otherwise.
 */
export function unlistedVariables<Context>(policy: Policy<Context>, logProbs: () => tf.Tensor): string[] {
  const listed = new Set(Object.values(policy.variables));
  const others = Object.values(tf.engine().state.registeredVariables).filter(
    (variable) => variable.trainable && variable.dtype === 'float32' && !listed.has(variable),
  );
  if (others.length === 0) return [];
  const found: string[] = [];
  // In a tidy, as variableGrads leaves tensors behind where it throws.
  tf.tidy(() => {
    try {
      const { grads } = tf.variableGrads(() => tf.sum(logProbs()) as tf.Scalar, others);
      for (const [name, gradient] of Object.entries(grads)) if (gradient) found.push(name);
    } catch {
      // It depends on none of them, or (a frozen part may) by operations without a gradient.
    }
  });
  return found;
}

/** Some names, and how many there are. */
export function someNames(names: readonly string[]): string {
  return `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
}
