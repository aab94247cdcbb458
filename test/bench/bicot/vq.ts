import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import type { VqDecoderConfig } from '../../../src/models/vq/config.js';
import { decodeVq } from '../../../src/models/vq/decode.js';
import { disposeVqParameters } from '../../../src/models/vq/parameters.js';
import { deterministicVq } from '../../support/vq.js';
import { fingerprint } from '../check.js';
import type { Session } from '../hosts/serve.js';

/** A picture to decode. Lies as vq.json in a folder; the weights follow from their names. */
export interface VqProblem {
  readonly config: VqDecoderConfig;
  readonly codes: readonly number[];
}

/** Where a folder has it. */
export const vqProblemPath = (folder: string): string => join(folder, 'vq.json');

/** The decoder of image tokens. */
export async function vqVariants(folder: string): Promise<Session> {
  const { config, codes } = JSON.parse(readFileSync(vqProblemPath(folder), 'utf8')) as VqProblem;
  const parameters = deterministicVq(config);
  const decode = async (): Promise<tf.TypedArray> => {
    const pixels = decodeVq(config, parameters, Int32Array.from(codes));
    const values = await pixels.data();
    pixels.dispose();
    return values;
  };
  const check = { pixels: fingerprint(await decode()) };
  return {
    variants: [{ name: 'bicot, composed kernels', check, run: async () => void (await decode()) }],
    dispose: () => disposeVqParameters(parameters),
  };
}
