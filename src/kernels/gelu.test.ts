import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { gelu, geluTanh } from './gelu.js';

/** In float64. */
const approximate = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

const slope = (f: (x: number) => number, x: number): number => (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;

const POINTS = [-30, -6, -2.5, -1, -0.3, -1e-4, 0, 1e-4, 0.3, 0.7518, 1, 2.5, 6, 30];

describeOnBackends('geluTanh', () => {
  it('is the formula, and so is its gradient', async () => {
    await expectNoLeak(async () => {
      const x = tf.tensor2d(POINTS, [2, 7]);
      const weights = POINTS.map((_, i) => i - 5);
      const { value, grad } = tf.valueAndGrad((y: tf.Tensor) =>
        tf.sum(tf.mul(geluTanh(y), tf.tensor2d(weights, [2, 7]))),
      )(x);
      const made = geluTanh(x);
      expect(made.shape).toEqual([2, 7]);
      expect(await made.data()).toBeAllclose(POINTS.map(approximate), 1e-6);
      const slopes = POINTS.map((point, i) => slope(approximate, point) * (weights[i] as number));
      expect(await grad.data()).toBeAllclose(slopes, 1e-5);
      tf.dispose([x, value, grad, made]);
    });
  });

  it('is near the exact one, and not the same', async () => {
    const largest = tf.tidy(() => {
      const x = tf.linspace(-4, 4, 801);
      return tf.max(tf.abs(tf.sub(gelu(x), geluTanh(x))));
    });
    const [distance] = await largest.data();
    largest.dispose();
    expect(distance).toBeGreaterThan(1e-4);
    expect(distance).toBeLessThan(1e-3);
  });
});
