import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BACKENDS, expectNoLeak } from '../../test/support/backends.js';
import { describeFused, withComposed } from '../../test/support/kernel-properties.js';
import { causalAttention } from './causal-attention.js';
import { currentKernels, isFused, setKernels } from './choice.js';
import { embed } from './embedding.js';
import { LINEAR, PROJECTIONS } from './fused/linear.js';
import { linear, projections } from './linear.js';
import { hasRelaxedSimd } from './relaxed-simd.js';
import { addRmsNorm, rmsNorm } from './rms-norm.js';
import { rotaryTables } from './rotary.js';
import { swiglu } from './swiglu.js';
import { tokenLogProbs } from './token-log-probs.js';
import { installWasmKernels } from './wasm/install.js';
import { instantiateKernels } from './wasm/module.js';

/** The choice that the other tests run with comes back. */
function restoresKernels(): void {
  let before: ReturnType<typeof currentKernels>;
  beforeAll(() => {
    before = currentKernels();
  });
  afterAll(() => setKernels(before.kernels, { fma: before.fma }));
}

describe('setKernels', () => {
  restoresKernels();

  it('refuses words that it does not know, and keeps the choice', () => {
    setKernels('composed');
    expect(() => setKernels('fast' as never)).toThrow(/'fast' but must be 'fused' or 'composed'/);
    expect(currentKernels().kernels).toBe('composed');
  });

  it('refuses fused multiply-add where the engine lacks it', () => {
    if (hasRelaxedSimd()) setKernels('fused', { fma: true });
    else expect(() => setKernels('fused', { fma: true })).toThrow(/relaxed SIMD/);
    expect(currentKernels().fma).toBe(hasRelaxedSimd());
    setKernels('fused');
    expect(currentKernels().fma).toBe(false);
  });

  it('says of other backends what was registered for them', async () => {
    const backend = tf.getBackend();
    await tf.setBackend('cpu');
    setKernels('fused');
    expect(isFused(LINEAR, [tf.ones([1, 1])])).toBe(false);
    expect(currentKernels().available).toBe(false);
    await tf.setBackend(backend);
  });
});

describeFused('the choice of kernels', [LINEAR], () => {
  it('is seen by the next operation', async () => {
    const x = tf.ones<tf.Rank.R2>([2, 2]);
    expect(currentKernels().available).toBe(true);
    expect(isFused(LINEAR, [x])).toBe(true);
    await withComposed(() => void expect(isFused(LINEAR, [x])).toBe(false));
    expect(isFused(LINEAR, [x])).toBe(true);
    expect(isFused('BicotNothing', [x])).toBe(false);
  });

  it('is stock operations for what is empty or is not float32', async () => {
    expect(isFused(LINEAR, [tf.zeros([0, 2])])).toBe(false);
    expect(isFused(LINEAR, [tf.ones([2, 2]), tf.ones([2, 2], 'int32')])).toBe(false);
    const product = linear(tf.tensor2d([[1, 2]], [1, 2], 'int32'), tf.tensor2d([[3], [4]]));
    expect(await product.data()).toEqual(Float32Array.of(11));
  });
});

describe('a wasm backend that cannot run the kernels', () => {
  const shared = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const unlike = { 'has no memory that is known': {}, 'has threads': { asm: { memory: shared() } } };

  it.each(Object.entries(unlike))('%s: is told from others, with one warning', (_, wasm) => {
    const backend = { wasm, dataIdMap: new Map() } as unknown as tf.KernelBackend;
    expect(() => instantiateKernels(backend, false)).toThrow();
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    try {
      expect(installWasmKernels(backend, () => false)).toBe(false);
      expect(installWasmKernels(backend, () => false)).toBe(false);
      expect(warn).toHaveBeenCalledTimes(1);
      expect(warn.mock.calls[0]?.[0]).toMatch(/cannot run the fused kernels .*setThreadsCount\(1\)/);
    } finally {
      warn.mockRestore();
    }
  });

  it.skipIf(!BACKENDS.includes('wasm'))('does not stand in the way of one that can', async () => {
    await tf.setBackend('wasm');
    expect(installWasmKernels(tf.backend(), () => false)).toBe(true);
  });
});

describeFused('fused operations', [LINEAR, PROJECTIONS], () => {
  it('leave their outputs and nothing else, one after the other and under one gradient', async () => {
    const [heads, size] = [2, 4];
    const width = heads * size;
    const table = tf.randomNormal<tf.Rank.R2>([5, width], 0, 1, 'float32', 1);
    const square = tf.randomNormal<tf.Rank.R2>([width, width], 0, 0.3, 'float32', 2);
    const gain = tf.ones<tf.Rank.R1>([width]);
    const ids = tf.tensor1d([0, 4, 4, 1, 2, 3], 'int32');
    const tables = rotaryTables([0, 1, 2], size);
    const model = (t: tf.Tensor2D, w: tf.Tensor2D, g: tf.Tensor1D): tf.Tensor1D => {
      const x = embed(t, ids);
      const [q, k, v] = projections(rmsNorm(x, g), [w, w, w]) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      const mixed = linear(causalAttention(q, k, v, tables, heads), w);
      const { stream, normed } = addRmsNorm(x, mixed, g);
      const [gate, up] = projections(normed, [w, w]) as [tf.Tensor2D, tf.Tensor2D];
      return tokenLogProbs(addRmsNorm(stream, swiglu(gate, up), g).normed, ids);
    };
    const run = () =>
      tf.variableGrads(() => tf.sum(model(variables[0], variables[1], variables[2])) as tf.Scalar);
    const variables = [tf.variable(table), tf.variable(square), tf.variable(gain)] as [
      tf.Variable<tf.Rank.R2>,
      tf.Variable<tf.Rank.R2>,
      tf.Variable<tf.Rank.R1>,
    ];
    await expectNoLeak(() => void tf.tidy(() => model(table, square, gain)), 1);
    await expectNoLeak(() => void run(), 4);
    const [fused, composed] = [run(), await withComposed(run)];
    for (const { name } of variables) {
      const [got, expected] = [fused.grads[name], composed.grads[name]] as [tf.Tensor, tf.Tensor];
      expect(await got.data()).toBeAllclose(await expected.data(), 1e-4);
    }
  });
});
