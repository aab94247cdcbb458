import type * as tf from '@tensorflow/tfjs';
import { vqDecoderConfig } from '../../models/vq/config.js';
import { decodeVq } from '../../models/vq/decode.js';
import { tfjsVqShape } from '../../models/vq/layout.js';
import { vqParameterShapes } from '../../models/vq/names.js';
import { disposeVqParameters, vqParameters } from '../../models/vq/parameters.js';
import { type BackendCase, IS_REFERENCE, type Values } from './backend-case.js';
import { LOG_PROB_TOLERANCE } from './decoding.js';
import { floats, largestError, readAll, toTensor } from './values.js';

const CONFIG = vqDecoderConfig({
  ...{
    codebookSize: 11,
    embedding: 4,
    channels: 4,
    multipliers: [1, 2],
    resBlocks: 1,
    latent: 8,
    groups: 2,
    grid: 3,
  },
});
const CODES = Int32Array.from([0, 10, 3, 3, 7, 1, 9, 2, 5, 4, 4, 6, 8, 0, 1, 10, 2, 3]);

/** Gains near 1, and numbers that neither vanish nor explode. */
function weight(name: string, shape: readonly number[]): tf.Tensor {
  const fan = shape.length > 1 ? shape.slice(0, -1).reduce((product, side) => product * side, 1) : 1;
  const isGain = shape.length === 1 && name.endsWith('.weight');
  return toTensor(
    floats(name, shape, (x) => (isGain ? 1 + 0.2 * x : shape.length === 1 ? 0.1 * x : x / Math.sqrt(fan))),
  );
}

async function pixels(): Promise<Values> {
  const shapes = new Map(vqParameterShapes(CONFIG).map(({ name, shape }) => [name, shape]));
  const parameters = vqParameters(CONFIG, (name) =>
    weight(name, tfjsVqShape(name, shapes.get(name) as number[])),
  );
  try {
    return await readAll([decodeVq(CONFIG, parameters, CODES)]);
  } finally {
    disposeVqParameters(parameters);
  }
}

/** The decoder of image tokens that Janus and LlamaGen have, in miniature. */
export function vqCases(): BackendCase[] {
  return [
    {
      ...{ name: 'two pictures of 3 × 3 tokens', kind: 'vq', tolerance: LOG_PROB_TOLERANCE },
      measure: async ({ isReference, onReference }) => {
        if (isReference) return IS_REFERENCE;
        return { error: largestError(await pixels(), await onReference(pixels)) };
      },
    },
  ];
}
