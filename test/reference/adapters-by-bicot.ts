import * as tf from '@tensorflow/tfjs';
import { createAdapters, type LoraAdapters, type MatricesByPath } from '../../src/models/lora/adapters.js';
import { normalValues, uniformStream } from '../../src/tensor/noise.js';

/**
 * The adapters of `test/fixtures/peft/bicot`: of several ranks and alphas, trained as far as PEFT can tell.
 * @returns the caller disposes it
 */
export function adaptersByBicot(matrices: MatricesByPath): LoraAdapters {
  const adapters = createAdapters(matrices, {
    rank: 3,
    alpha: 6,
    targets: ['q_proj', 'o_proj', 'mlp.down_proj', 'language_model.model.layers.1.mlp.up_proj'],
    rankPattern: { 'layers.0.self_attn.q_proj': 2, 'up_proj|down_proj': 5 },
    alphaPattern: { o_proj: 1.5 },
    rslora: true,
    seed: 7,
  });
  for (const [path, { adapter }] of adapters.adapted) {
    const values = normalValues(uniformStream('adapters by bicot', path), adapter.up.size);
    tf.tidy(() => adapter.up.assign(tf.tensor2d(values, adapter.up.shape)));
  }
  return adapters;
}
