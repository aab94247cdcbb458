import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import type { VqDecoderConfig } from '../../src/models/vq/config.js';
import { toTfjsLayout } from '../../src/models/vq/layout.js';
import { vqParameterShapes } from '../../src/models/vq/names.js';
import { type VqParameters, vqParameters } from '../../src/models/vq/parameters.js';
import { deterministicWeights, VQ_PREFIX } from './tiny-janus.js';

/** What PyTorch computed; see test/reference/vq_decoder.py. */
export interface VqReference {
  readonly config: VqDecoderConfig;
  /** `[B][grid · grid]` */
  readonly codes: readonly number[][];
  /** `[B][side · side · 3]`, as `[y, x, channel]`. */
  readonly pixels: readonly number[][];
  /** By the name of a stage, of the batch. */
  readonly stages: Readonly<
    Record<string, { side: number; channels: number; norm: number; moments: number[] }>
  >;
  readonly shapes: Readonly<Record<string, number[]>>;
  readonly hf_names: Readonly<Record<string, string>>;
  /** What the original implementation gave, in the tiny case. */
  readonly original?: {
    readonly mean: number;
    readonly std_unbiased: number;
    readonly red_of_first_row: number[];
    readonly bytes: readonly { image: number; y: number; x: number; rgb: number[] }[];
  };
}

/** A file of test/fixtures/vq. */
export function vqReference(name: 'tiny' | 'other'): VqReference {
  return JSON.parse(readFileSync(new URL(`../fixtures/vq/${name}.json`, import.meta.url), 'utf8'));
}

/** All pictures' codes, one after the other. */
export const allCodes = ({ codes }: VqReference): Int32Array => Int32Array.from(codes.flat());

/** A tensor of the deterministic weights in TensorFlow.js's layout. */
export function deterministicTensor(name: string, shape: readonly number[]): tf.Tensor {
  const turned = toTfjsLayout(name, shape, deterministicWeights(VQ_PREFIX + name, shape));
  return tf.tensor(turned.values, turned.shape);
}

/** A decoder with the deterministic weights; the caller disposes it. */
export function deterministicVq(config: VqDecoderConfig): VqParameters {
  const shapes = new Map(vqParameterShapes(config).map(({ name, shape }) => [name, shape]));
  return vqParameters(config, (name) => deterministicTensor(name, shapes.get(name) as number[]));
}
