import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { BACKENDS, expectNoLeak } from '../../../test/support/backends.js';
import { normal, sameBits, take } from '../../../test/support/kernel-properties.js';
import { adamWUpdate } from '../adamw.js';
import { causalAttention } from '../causal-attention.js';
import { type Decoder, decodeBlocks } from '../decode-blocks.js';
import { embed } from '../embedding.js';
import { fusedDrawTokens } from '../fused/draw-tokens.js';
import { fusedProduct } from '../fused/linear.js';
import { keyValueCaches } from '../key-value-cache.js';
import { projections } from '../linear.js';
import { packLinear } from '../packed-linear.js';
import { addRmsNorm, rmsNorm } from '../rms-norm.js';
import { rotaryTables } from '../rotary.js';
import { swiglu } from '../swiglu.js';
import { tokenLogProbs } from '../token-log-probs.js';

const ids = (count: number, range: number): tf.Tensor1D =>
  tf.tensor1d(
    Array.from({ length: count }, (_, i) => (7 * i) % range),
    'int32',
  );

/** Values of an operation, and the gradients of its inputs. */
function withGradients(operation: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[]): tf.Tensor[] {
  return [operation(...inputs), ...tf.grads((...xs) => tf.sum(tf.square(operation(...xs))))(inputs)];
}

/** Ten rows through one block, after a context of four positions. */
function decoded(): tf.Tensor[] {
  const sources = new Int32Array(10);
  const caches = keyValueCaches({ heads: 2, size: 6, ownLength: 3, lengths: Int32Array.of(4), sources }, 1);
  const [cache] = caches.blocks as [(typeof caches.blocks)[0]];
  cache.fill(normal('keys', [4, 12]), normal('values', [4, 12]));
  caches.step({ slots: sources.map((_, row) => row), positions: sources.map(() => 4) });
  const square = (name: string) => normal(name, [12, 12]);
  const packed = [
    packLinear([square('q'), square('k'), square('v')]),
    packLinear([square('o')]),
    packLinear([normal('gate', [12, 600]), normal('up', [12, 600])]),
    packLinear([normal('down', [600, 12])]),
    packLinear([normal('head', [12, 600])]),
  ] as const;
  const [attention, output, gated, down, head] = packed;
  const gain = tf.ones<tf.Rank.R1>([12]);
  const block = { attentionNorm: gain, mlpNorm: gain, attention, output, gated, down, cache };
  const decoder: Decoder = { blocks: [block], finalNorm: gain, head, epsilon: 1e-6 };
  const logits = decodeBlocks(normal('x', [10, 12]), decoder);
  for (const each of [...packed, caches]) each.dispose();
  return [logits];
}

type Pair = [tf.Tensor, tf.Tensor];

/** Each of them takes more workgroups than `MOST`. */
const OPERATIONS: Readonly<Record<string, () => tf.Tensor[]>> = {
  rmsNorm: () =>
    withGradients(
      (x, gain) => rmsNorm(x as tf.Tensor2D, gain as tf.Tensor1D),
      [normal('x', [300, 70]), normal('gain', [70])],
    ),
  addRmsNorm: () =>
    withGradients(
      (x, branch, gain) => {
        const { stream, normed } = addRmsNorm(x as tf.Tensor2D, branch as tf.Tensor2D, gain as tf.Tensor1D);
        return tf.add(stream, normed);
      },
      [normal('x', [300, 70]), normal('branch', [300, 70]), normal('gain', [70])],
    ),
  swiglu: () =>
    withGradients(
      (gate, up) => swiglu(gate as tf.Tensor2D, up as tf.Tensor2D),
      [normal('gate', [50, 70]), normal('up', [50, 70])],
    ),
  embed: () =>
    withGradients((table) => embed(table as tf.Tensor2D, ids(300, 90)), [normal('table', [100, 70])]),
  causalAttention: () => {
    const tables = rotaryTables([...new Array(70).keys()], 6);
    return withGradients(
      (q, k, v) => causalAttention(q as tf.Tensor2D, k as tf.Tensor2D, v as tf.Tensor2D, tables, 2),
      ['q', 'k', 'v'].map((name) => normal(name, [6 * 70, 12])),
    );
  },
  packLinear: () => {
    const packed = packLinear([normal('w', [30, 300]), normal('u', [30, 50])]);
    const products = packed.multiply(normal('x', [40, 30]));
    packed.dispose();
    return products;
  },
  decodeBlocks: decoded,
  tokenLogProbs: () =>
    withGradients(
      (logits) => tokenLogProbs(logits as tf.Tensor2D, ids(100, 90)),
      [normal('logits', [100, 90])],
    ),
  drawTokens: () => {
    const uniforms = tf.mul(ids(100, 100), 12_345_678) as tf.Tensor1D;
    const attributes = { scale: 3, temperature: 0.8, guided: 1 };
    return [fusedDrawTokens(normal('logits', [200, 90]), uniforms, attributes)];
  },
  'a product of a long sum': () => [
    fusedProduct(normal('x', [2100, 40]), normal('dy', [2100, 70]), true, false),
  ],
  projections: () =>
    withGradients(
      (x, w) => tf.add(...(projections(x as tf.Tensor2D, [w, w] as tf.Tensor2D[]) as Pair)),
      [normal('x', [30, 50]), normal('w', [50, 40])],
    ),
  adamW: () => {
    const [variable, gradient] = [normal('variable', [5000]), normal('gradient', [5000])];
    const numbers = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, rate: 0.01, correction: 1.5, shrink: 0.99 };
    return Object.values(adamWUpdate({ variable, gradient }, numbers));
  },
};

/** Workgroups that a dimension of a grid may have: of a real device 65,535. */
const MOST = 17;

/** What an action gives on a device of that limit. */
function withNarrowGrid<Result>(action: () => Result): Result {
  const { device } = tf.backend() as unknown as { device: { limits: object } };
  const before = Object.getOwnPropertyDescriptor(device, 'limits') as PropertyDescriptor;
  const limits = device.limits as Record<string | symbol, unknown>;
  const get = (_: unknown, name: string | symbol): unknown =>
    name === 'maxComputeWorkgroupsPerDimension' ? MOST : limits[name];
  Object.defineProperty(device, 'limits', { ...before, value: new Proxy({}, { get }) });
  try {
    return action();
  } finally {
    Object.defineProperty(device, 'limits', before);
  }
}

describe.skipIf(!BACKENDS.includes('webgpu'))('kernels in WGSL', () => {
  it.each(Object.keys(OPERATIONS))('%s: gives the same bits on a grid of two dimensions', async (name) => {
    const operation = OPERATIONS[name] as () => tf.Tensor[];
    const read = (tensors: tf.Tensor[]) => Promise.all(tensors.map(take));
    await expectNoLeak(async () => {
      // First, so that what it fails to write is not what the other wrote into the same memory.
      const got = await read(tf.tidy(() => withNarrowGrid(operation)));
      const expected = await read(tf.tidy(operation));
      expect(got.every((values, i) => sameBits(values, expected[i] as Float32Array))).toBe(true);
      expect(expected.every((values) => values.some((value) => value !== 0))).toBe(true);
    });
  });
});
