import * as tf from '@tensorflow/tfjs';
import { freeSaved } from './gradients.js';

/**
 * Activation checkpointing (Chen et al. 2016): computes a value and forgets what its gradient would need; the backward
 * pass computes it a second time. Memory for activations shrinks to the inputs, and a third more is computed.
 *
 * `compute` must be a function of its arguments and of tensors that are still there in the backward pass: what was made
 * in a `tf.tidy` around this call is gone by then, so give it as an input or as a constant. It must compute the same
 * both times. Checkpoints nest.
 *
 * Gradients of all inputs and variables are computed, wanted or not, so list only those that are. A tensor that needs
 * none is a constant, or is closed over if it outlives the backward pass, as a frozen weight does.
 * @param compute its arguments are the inputs, then the constants; what it makes besides its result is disposed
 * @param inputs float32, of any shape; they are kept until the backward pass, also if the caller disposes them
 * @param variables that `compute` closes over and that get gradients: variables, or other tensors that outlive the
 * backward pass. One that is missing here gets none.
 * @param constants given to `compute` after the inputs, of any type, kept as inputs are, but without gradients: tables,
 * masks, ids
 * @param again what the backward pass computes, if not `compute`: something of the same gradients, whose value nobody
 * reads, so that what only the value needs may be left out
 * @returns what `compute` returns; the caller disposes it
 */
export function checkpoint<Result extends tf.Tensor>(
  compute: (...inputs: tf.Tensor[]) => Result,
  inputs: readonly tf.Tensor[],
  variables: readonly tf.Tensor[] = [],
  constants: readonly tf.Tensor[] = [],
  again: (...inputs: tf.Tensor[]) => Result = compute,
): Result {
  const run = (made: typeof compute, args: readonly tf.Tensor[]): Result => {
    const result = made(...args);
    // A result that is an argument itself must become a tensor of its own: both get a gradient, and one is disposed.
    return args.includes(result) || variables.includes(result) ? tf.clone(result) : result;
  };
  const op = tf.customGrad((...args) => {
    // TensorFlow.js appends `save` to the arguments. It keeps clones, which share the numbers.
    const save = args[args.length - 1] as unknown as (tensors: tf.Tensor[]) => void;
    save([...inputs, ...constants]);
    return {
      value: run(compute, [...inputs, ...constants]),
      gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => {
        const sources = [...kept.slice(0, inputs.length), ...variables];
        const gradients = recomputedGradients(() => run(again, kept), sources, dy);
        freeSaved(kept, gradients);
        return gradients;
      },
    };
  });
  return tf.tidy(() => op(...inputs, ...variables)) as Result;
}

/** Gradients of `compute` for these tensors, zeros where it does not depend on one; from within a backward pass. */
function recomputedGradients(
  compute: () => tf.Tensor,
  sources: readonly tf.Tensor[],
  dy: tf.Tensor,
): tf.Tensor[] {
  const { state } = tf.engine();
  // The engine has one tape, which a gradient inside a backward pass replaces and drops; the outer pass clears up by it.
  const outer = state.activeTape;
  try {
    return tf.tidy(() => {
      const { value, grads } = tf.engine().gradients(compute, [...sources], dy, true);
      value.dispose();
      return sources.map((source, i) => {
        const gradient = grads[i] as tf.Tensor | null | undefined;
        // The caller's own upstream gradient must not become two inputs' gradient: TensorFlow.js disposes what it adds.
        if (gradient === dy) return tf.clone(dy);
        return gradient ?? tf.zeros(source.shape);
      });
    });
  } finally {
    state.activeTape = outer;
  }
}
