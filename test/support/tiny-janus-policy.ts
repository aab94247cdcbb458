import { namedVariables } from '../../src/models/backbone/named-variables.js';
import type { RowRange, TensorSource } from '../../src/models/checkpoints/source.js';
import type { JanusConfig } from '../../src/models/janus/config.js';
import { planJanus } from '../../src/models/janus/plan.js';
import { type JanusPolicy, janusPolicy } from '../../src/models/janus/policy.js';
import { readJanusWeights } from '../../src/models/janus/read.js';
import { vqDecoderConfig } from '../../src/models/vq/config.js';
import { deterministicWeights, type NamedShape, TINY_JANUS, tinyJanusShapes } from './tiny-janus.js';

const { language, image, vq, ids } = TINY_JANUS;

export const TINY_CONFIG: JanusConfig = { language, image, vq: vqDecoderConfig(vq) };

/** Weights that follow from their names as a checkpoint in memory, under the original names. */
export function janusSource(tensors: readonly NamedShape[] = tinyJanusShapes()): TensorSource {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const values = (name: string, rows?: RowRange): Float32Array => {
    const shape = shapes.get(name) as readonly number[];
    const all = deterministicWeights(name, shape);
    const line = all.length / (shape[0] as number);
    return rows ? all.slice(rows.begin * line, rows.end * line) : all;
  };
  return {
    path: 'tiny Janus',
    tensors: new Map(
      [...shapes].map(([name, shape]) => {
        const bytes = 4 * shape.reduce((product, n) => product * n, 1);
        return [name, { name, shape, bytes, dtype: 'F32', file: 'memory' }];
      }),
    ),
    readBytes: async (name, rows) => new Uint8Array(values(name, rows).slice().buffer),
    readFloats: async (name, rows) => values(name, rows),
  };
}

/** More about `tinyJanus`. */
export interface TinyJanusOptions {
  readonly checkpointing?: boolean;
  readonly maxTensorBytes?: number;
  readonly trainable?: boolean;
}

/** The tiny Janus as a policy, all of its language model trainable; the caller disposes it. */
export async function tinyJanus(options: TinyJanusOptions = {}): Promise<JanusPolicy> {
  const source = janusSource();
  const { parameters, tensors } = await readJanusWeights(
    TINY_CONFIG,
    planJanus(TINY_CONFIG, source),
    source,
    {
      trainable: options.trainable ?? true,
      maxTensorBytes: options.maxTensorBytes ?? 2 ** 29,
      check() {},
    },
  );
  return janusPolicy({
    ...{ config: TINY_CONFIG, parameters, variables: namedVariables(tensors) },
    tokens: { begin: ids.bos, end: ids.eos, pad: ids.pad, beginImage: ids.beginImage },
    checkpointing: options.checkpointing,
  });
}
