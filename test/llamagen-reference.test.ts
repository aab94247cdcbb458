import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { geluTanh } from '../src/kernels/gelu.js';
import { linear, projections } from '../src/kernels/linear.js';
import { rmsNorm } from '../src/kernels/rms-norm.js';
import { rotate } from '../src/kernels/rotary.js';
import { type Block, runBlocks } from '../src/models/backbone/blocks.js';
import type { LlamaGenConfig } from '../src/models/llamagen/config.js';
import { rotaryWeight } from '../src/models/llamagen/convert.js';
import { LLAMAGEN_NAMES, llamaGenBlockNames, llamaGenShapes } from '../src/models/llamagen/names.js';
import { llamaGenRotary } from '../src/models/llamagen/rotary.js';
import { transposed } from '../src/tensor/transposed.js';
import { describeOnBackends, expectNoLeak } from './support/backends.js';
import { type LlamaGenSample, llamaGenFixture, tinyLlamaGenWeights } from './support/tiny-llamagen.js';

// bicot's blocks, with converted weights and rotary tables, against PyTorch (float64), which the published code
// agrees with: test/reference/README.md. What a policy gives is compared in src/models/llamagen/policy.test.ts.

/** Converted matrices of a tiny LlamaGen. */
function converted(config: LlamaGenConfig) {
  const weights = tinyLlamaGenWeights(config);
  const shapes = llamaGenShapes(config);
  const { width: d, heads } = config;
  const raw = (name: string): Float32Array => weights.get(name) as Float32Array;
  const table = (name: string): tf.Tensor2D => tf.tensor2d(raw(name), shapes.get(name) as [number, number]);
  const matrix = (name: string): tf.Tensor2D => {
    const [outputs, inputs] = shapes.get(name) as [number, number];
    return tf.tensor2d(transposed(raw(name), outputs, inputs), [inputs, outputs]);
  };
  const square = (values: Float32Array): tf.Tensor2D => tf.tensor2d(values, [d, d]);
  const block = (layer: number): Block => {
    const names = llamaGenBlockNames(layer);
    const [query, key, value] = [0, 1, 2].map((part) =>
      raw(names.queryKeyValue).subarray(part * d * d, (part + 1) * d * d),
    ) as [Float32Array, Float32Array, Float32Array];
    return {
      query: square(rotaryWeight(query, d, heads)),
      key: square(rotaryWeight(key, d, heads)),
      ...{ value: square(transposed(value, d, d)), output: matrix(names.output) },
      ...{ gate: matrix(names.gate), up: matrix(names.up), down: matrix(names.down) },
      ...{ attentionNorm: tf.tensor1d(raw(names.attentionNorm)), mlpNorm: tf.tensor1d(raw(names.mlpNorm)) },
    };
  };
  return { table, matrix, block, finalNorm: tf.tensor1d(raw(LLAMAGEN_NAMES.finalNorm)) };
}

/** `[C, d]`: what stands before the image tokens. */
function condition(config: LlamaGenConfig, sample: LlamaGenSample): tf.Tensor2D {
  const { table, matrix } = converted(config);
  if (config.condition.kind === 'class') {
    return tf.slice(table(LLAMAGEN_NAMES.classes), [sample.label as number, 0], [1, config.width]);
  }
  const inner = linear(tf.tensor2d(sample.features as number[][]), matrix(LLAMAGEN_NAMES.captionIn));
  return linear(geluTanh(inner), matrix(LLAMAGEN_NAMES.captionOut));
}

/** `[C + grid² − 1, d]`: inputs of a sample whose tokens are given. */
function inputs(config: LlamaGenConfig, sample: LlamaGenSample): tf.Tensor2D {
  const before = condition(config, sample);
  const fed = tf.tensor1d(sample.tokens.slice(0, -1), 'int32');
  return tf.concat([before, tf.gather(converted(config).table(LLAMAGEN_NAMES.tokens), fed)]);
}

/** The tables of a sample's inputs. */
function tablesOf(config: LlamaGenConfig, x: tf.Tensor2D) {
  const before = x.shape[0] - config.grid ** 2 + 1;
  return llamaGenRotary(
    config,
    before,
    Array.from({ length: x.shape[0] }, (_, p) => p),
  );
}

/** `[grid², d]`: normed states that predict the image tokens. */
function hiddenStates(config: LlamaGenConfig, sample: LlamaGenSample): tf.Tensor2D {
  const { block, finalNorm } = converted(config);
  const { heads, rmsEpsilon, layers, width } = config;
  const x = inputs(config, sample);
  const blocks = Array.from({ length: layers }, (_, layer) => block(layer));
  const stream = runBlocks({ heads, rmsEpsilon, blocks, finalNorm }, x, tablesOf(config, x));
  const first = x.shape[0] - config.grid ** 2;
  return rmsNorm(tf.slice(stream, [first, 0], [config.grid ** 2, width]), finalNorm, rmsEpsilon);
}

const largestError = (found: ArrayLike<number>, expected: readonly number[]): number => {
  expect(found.length).toBe(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(value - (found[i] as number))));
};

describeOnBackends('a forward pass of a tiny LlamaGen', () => {
  for (const kind of ['class', 'text'] as const) {
    const { config, samples, hidden, scores } = llamaGenFixture(kind);

    it(`has the scores of the reference in its first layer: ${kind}`, async () => {
      await expectNoLeak(async () => {
        const made = tf.tidy(() => {
          const x = inputs(config, samples[0] as LlamaGenSample);
          const block = converted(config).block(0);
          const [length, size] = [x.shape[0], config.width / config.heads];
          const normed = rmsNorm(x, block.attentionNorm, config.rmsEpsilon);
          const weights = [block.query, block.key] as tf.Tensor2D[];
          const [q, k] = projections(normed, weights).map((y) => {
            const turned = rotate(tf.reshape(y, [1, length, config.heads, size]), tablesOf(config, x));
            return tf.transpose(turned, [0, 2, 1, 3]);
          }) as [tf.Tensor, tf.Tensor];
          return tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(size));
        });
        expect(largestError(await made.data(), scores.values.flat(2))).toBeLessThan(1e-5);
        made.dispose();
      });
    });

    it(`has its hidden states: ${kind}`, async () => {
      const made = tf.tidy(() => hiddenStates(config, samples[0] as LlamaGenSample));
      expect(largestError(await made.data(), hidden.values.flat())).toBeLessThan(1e-5);
      made.dispose();
    });
  }
});

describe('the checkpoints of the fixtures', () => {
  // Stored as bfloat16, uncompressed, the tensors of the model one after another.
  it.each(['class', 'text'] as const)('hold the weights that tests make from names: %s', (kind) => {
    const { config, checkpoint } = llamaGenFixture(kind);
    const file = readFileSync(new URL(`fixtures/llamagen/${checkpoint}`, import.meta.url));
    let last = 0;
    for (const [name, values] of tinyLlamaGenWeights(config)) {
      const halves = Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16);
      const at = file.indexOf(Buffer.from(halves.buffer), last);
      expect(at, name).toBeGreaterThan(last);
      last = at;
    }
  });
});
