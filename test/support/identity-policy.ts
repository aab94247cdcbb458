import * as tf from '@tensorflow/tfjs';
import type { Policy, TokenContext } from '../../src/policy/policy.js';
import { normalValues, uniformStream } from '../../src/tensor/noise.js';

/** A context of one token, for tasks about that token. */
export const shownToken = (token: number): TokenContext => ({ ids: Int32Array.of(token) });

/** An identity policy's size and start. */
export interface IdentityPolicyOptions {
  /** V. */
  readonly vocabulary: number;
  /** Width of the hidden layer. */
  readonly hidden?: number;
  readonly seed?: number;
  /** Tokens of an image. Default 1. */
  readonly length?: number;
}

/**
 * A small policy with no fast paths: one hidden layer over the last context token, so that logits do not
 * depend on the completion. It knows nothing at the start: its output is close to uniform.
 * Spaces: `text` and `image`, with an output layer each.
 */
export function identityPolicy(options: IdentityPolicyOptions): Policy & { dispose(): void } {
  const { vocabulary, hidden = 16, seed = 0, length = 1 } = options;
  const matrix = (name: string, rows: number, columns: number, scale: number): tf.Variable =>
    tf.tidy(() => {
      const values = normalValues(uniformStream(seed, name), rows * columns).map((x) => x * scale);
      return tf.variable(tf.tensor2d(values, [rows, columns]));
    });
  const variables = {
    input: matrix('input', vocabulary, hidden, 1),
    'output.text': matrix('output.text', hidden, vocabulary, 0.1),
    'output.image': matrix('output.image', hidden, vocabulary, 0.1),
  };
  return {
    variables,
    spaces: {
      text: { kind: 'text', size: vocabulary },
      image: { kind: 'image', size: vocabulary, length },
    },
    logits(contexts, completion, space) {
      const { rows, width } = completion;
      return tf.tidy(() => {
        const shown = contexts.map(({ ids }) => ids[ids.length - 1] as number);
        const oneHot = tf.oneHot(tf.tensor1d(shown, 'int32'), vocabulary).toFloat() as tf.Tensor2D; // [N, V]
        const state = tf.tanh(tf.matMul(oneHot, variables.input)); // [N, hidden]
        const output = space === 'text' ? variables['output.text'] : variables['output.image'];
        const logits = tf.matMul(state, output as tf.Tensor2D); // [N, V]
        return tf.tile(tf.reshape(logits, [rows, 1, vocabulary]), [1, width, 1]) as tf.Tensor3D; // [N, T, V]
      });
    },
    dispose: () => tf.dispose(variables),
  };
}
