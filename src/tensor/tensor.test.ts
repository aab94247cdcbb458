import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { stopGradient } from './gradients.js';
import { maskedFill, maskedMean, maskedSum } from './masked.js';
import { normalValues, shuffled, uniformStream } from './noise.js';
import { assertShape } from './shape.js';

describeOnBackends('masked reductions', () => {
  it('ignore what the mask hides, infinities included', async () => {
    const values = tf.tensor1d([1, 2, Number.NEGATIVE_INFINITY]);
    const mask = tf.tensor1d([1, 1, 0]);
    expect(await maskedSum(values, mask).data()).toBeAllclose([3]);
    expect(await maskedMean(values, mask).data()).toBeAllclose([1.5]);
    const gradient = tf.grad((x) => maskedMean(x, mask))(values);
    expect(await gradient.data()).toBeAllclose([0.5, 0.5, 0]);
  });

  it('give 0 for an empty mask', async () => {
    expect(await maskedMean(tf.tensor1d([4]), tf.tensor1d([0])).data()).toBeAllclose([0]);
  });

  it('leak nothing', async () => {
    const values = tf.tensor1d([1, 2]);
    const mask = tf.tensor1d([1, 0]);
    await expectNoLeak(() => {
      maskedFill(values, mask).dispose();
      maskedMean(values, mask).dispose();
    });
  });

  it('stopGradient passes values and blocks gradients', async () => {
    const x = tf.tensor1d([2, 3]);
    const gradient = tf.grad((y) => tf.sum(tf.mul(y, stopGradient(y))))(x);
    expect(await gradient.data()).toBeAllclose([2, 3]);
  });
});

describe('streams', () => {
  it('repeat for the same key and differ for another', () => {
    const take = (...key: (string | number)[]) => Array.from({ length: 5 }, uniformStream(...key));
    expect(take(1, 2, 'token')).toEqual(take(1, 2, 'token'));
    expect(take(1, 23)).not.toEqual(take(12, 3));
    expect(take(0)).toEqual(take(0));
    expect(take(0)).not.toEqual(take(1));
  });

  it('draw a standard normal', () => {
    const values = normalValues(uniformStream('normal'), 20_001);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    // Standard errors: mean 1/√n = 0.007, variance √(2/n) = 0.01.
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
  });

  it('shuffle without losing anything', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const mixed = shuffled(items, uniformStream('shuffle'));
    expect(mixed).not.toEqual(items);
    expect([...mixed].sort((a, b) => a - b)).toEqual(items);
  });
});

describe('assertShape', () => {
  it('says what was wrong, expected and to do', () => {
    expect(() => assertShape('f: x', tf.zeros([2, 1]), [2], '[N]')).toThrow(
      /f: x has shape \[2, 1\] but \[2\] = \[N\] is needed/,
    );
    expect(() => assertShape('f: x', tf.zeros([2, 3]), [null, 3])).not.toThrow();
  });
});
