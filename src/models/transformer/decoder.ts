import type { KeyValueCaches } from '../../kernels/cache-plan.js';
import type { Decoder } from '../../kernels/decode-blocks.js';
import { packLinear } from '../../kernels/packed-linear.js';
import type { TransformerConfig } from './config.js';
import type { TransformerParameters } from './parameters.js';

/** A model as decoding uses it: its matrices as they were when packed. */
export interface TransformerDecoder extends Decoder {
  /** Frees what was packed. */
  dispose(): void;
}

/**
 * Packs the matrices of a model for many small products.
 * @param caches stay the caller's
 * @returns the caller disposes it
 */
export function transformerDecoder(
  config: TransformerConfig,
  parameters: TransformerParameters,
  caches: KeyValueCaches,
  image: boolean,
): TransformerDecoder {
  const packed = parameters.blocks.map((block) => ({
    attention: packLinear([block.query, block.key, block.value]),
    output: packLinear([block.output]),
    gated: packLinear([block.gate, block.up]),
    down: packLinear([block.down]),
  }));
  const head = packLinear([image ? parameters.imageHead : parameters.textHead]);
  const blocks = parameters.blocks.map(({ attentionNorm, mlpNorm }, i) => ({
    ...(packed[i] as (typeof packed)[0]),
    ...{ attentionNorm, mlpNorm },
    cache: caches.blocks[i] as KeyValueCaches['blocks'][0],
  }));
  return {
    ...{ blocks, head, finalNorm: parameters.finalNorm, epsilon: config.rmsEpsilon },
    dispose() {
      for (const each of [head, ...packed.flatMap((block) => Object.values(block))]) each.dispose();
    },
  };
}
