import * as tf from '@tensorflow/tfjs';
import { embed } from '../../src/kernels/embedding.js';
import { type Matrix, multiply } from '../../src/models/backbone/matrix.js';
import type { LoraAdapters, MatricesByPath } from '../../src/models/lora/adapters.js';
import type { Policy } from '../../src/policy/policy.js';
import { normalValues, uniformStream } from '../../src/tensor/noise.js';

/** V of `adaptedPolicy`. */
export const VOCABULARY = 7;
const WIDTH = 6;
const HIDDEN = 10;

/** A frozen matrix of normal numbers. */
export function frozenMatrix(name: string, inputs: number, outputs: number): tf.Tensor2D {
  const values = normalValues(uniformStream('frozen matrix', name), inputs * outputs);
  return tf.tensor2d(
    values.map((value) => value / Math.sqrt(inputs)),
    [inputs, outputs],
  );
}

/** The matrices of `adaptedPolicy`. The caller disposes them. */
export function policyMatrices(): MatricesByPath {
  return new Map([
    ['model.layers.0.mlp.up_proj', frozenMatrix('up', WIDTH, HIDDEN)],
    ['model.layers.0.mlp.down_proj', frozenMatrix('down', HIDDEN, VOCABULARY)],
  ]);
}

/** A policy of two frozen matrices over the context's last token, with adapters beside them or without. */
export function adaptedPolicy(matrices: MatricesByPath, adapters?: LoraAdapters): Policy {
  const table = frozenMatrix('table', VOCABULARY, WIDTH);
  const at = (name: string): Matrix => adapters?.adapted.get(name) ?? (matrices.get(name) as tf.Tensor2D);
  return {
    variables: adapters?.variables ?? {},
    spaces: { text: { kind: 'text', size: VOCABULARY } },
    logits(contexts, { rows, width }) {
      return tf.tidy(() => {
        const shown = contexts.map(({ ids }) => ids.at(-1) as number);
        const x = embed(table, tf.tensor1d(shown, 'int32'));
        const [hidden] = multiply(x, [at('model.layers.0.mlp.up_proj')]) as [tf.Tensor2D];
        const [logits] = multiply(tf.tanh(hidden), [at('model.layers.0.mlp.down_proj')]) as [tf.Tensor2D];
        return tf.tile(tf.reshape(logits, [rows, 1, VOCABULARY]), [1, width, 1]) as tf.Tensor3D;
      });
    },
  };
}
