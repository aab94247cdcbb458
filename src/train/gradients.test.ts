import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { clipByGlobalNorm, globalNorm, gradientAccumulator, lossGradients } from './gradients.js';

describeOnBackends('gradients', () => {
  it('norm and clipping: a 3-4-12 cuboid has diagonal 13', async () => {
    const gradients = { a: tf.tensor1d([3, 4]), b: tf.tensor2d([[12]]) };
    expect(await globalNorm(gradients)).toBeCloseTo(13, 5);
    const clipped = await clipByGlobalNorm(gradients, 1);
    expect(clipped.norm).toBeCloseTo(13, 5);
    expect(await (clipped.gradients.a as tf.Tensor).data()).toBeAllclose([3 / 13, 4 / 13]);
    expect(await globalNorm(clipped.gradients)).toBeCloseTo(1, 5);
    const untouched = await clipByGlobalNorm(gradients, 13.5);
    expect(await (untouched.gradients.b as tf.Tensor).data()).toEqual(new Float32Array([12]));
    tf.dispose([gradients, clipped.gradients, untouched.gradients]);
  });

  it('a non-finite norm is reported and scales nothing', async () => {
    const gradients = { a: tf.tensor1d([1, Number.NaN]) };
    const clipped = await clipByGlobalNorm(gradients, 0.5);
    expect(clipped.norm).toBeNaN();
    expect([...(await (clipped.gradients.a as tf.Tensor).data())]).toEqual([1, Number.NaN]);
    tf.dispose([gradients, clipped.gradients]);
  });

  it('of many tensors have a norm too', async () => {
    const gradients = Object.fromEntries(
      Array.from({ length: 25 }, (_, i) => [`w${i}`, tf.tensor1d([i, 1])]),
    );
    const squares = Array.from({ length: 25 }, (_, i) => i * i + 1).reduce((a, b) => a + b);
    expect(await globalNorm(gradients)).toBeCloseTo(Math.sqrt(squares), 4);
    tf.dispose(gradients);
  });

  it('of a loss that depends on no variable are refused in words, and leave nothing behind', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const constant = tf.tensor1d([3]);
    const before = tf.memory().numTensors;
    expect(() => lossGradients(() => tf.sum(tf.mul(constant, 2)), { w })).toThrow(
      expect.objectContaining({
        code: 'value',
        message: expect.stringMatching(/none of the variables.*policy.variables/),
      }),
    );
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([w, constant]);
  });

  it('are named after the policy, and absent where the loss does not reach', async () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const unused = tf.variable(tf.tensor1d([1]));
    const { loss, gradients } = lossGradients(() => tf.sum(tf.square(w)), { 'layer.w': w, unused });
    expect(Object.keys(gradients)).toEqual(['layer.w']);
    expect(await (gradients['layer.w'] as tf.Tensor).data()).toBeAllclose([2, 4]);
    expect(await loss.data()).toBeAllclose([5]);
    tf.dispose([w, unused, loss, gradients]);
  });
});

describe('gradientAccumulator', () => {
  it('sums by name, whatever names come', async () => {
    const sum = gradientAccumulator();
    sum.add({ a: tf.tensor1d([1, 2]) });
    sum.add({ a: tf.tensor1d([10, 20]), b: tf.tensor1d([5]) });
    expect(await (sum.total().a as tf.Tensor).data()).toBeAllclose([11, 22]);
    expect(await (sum.total().b as tf.Tensor).data()).toBeAllclose([5]);
    sum.dispose();
  });

  it('leaks nothing, and survives a surrounding tidy', async () => {
    await expectNoLeak(async () => {
      const sum = gradientAccumulator();
      for (let i = 0; i < 3; i++) tf.tidy(() => sum.add({ a: tf.tensor1d([1]) }));
      expect(await globalNorm(sum.total())).toBeCloseTo(3);
      const clipped = await clipByGlobalNorm(sum.total(), 1);
      tf.dispose(clipped.gradients);
      sum.dispose();
      sum.dispose();
    });
  });

  it('the norm of nothing is 0, and a norm limit must be positive', async () => {
    expect(await globalNorm({})).toBe(0);
    await expect(clipByGlobalNorm({}, 0)).rejects.toThrow(/above 0/);
  });
});
