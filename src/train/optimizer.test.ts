import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { type AdamWOptions, adamW } from './optimizer.js';

/** AdamW in float64, written from algorithm 2 of the paper. */
function reference(start: number[], gradients: number[][], rates: number[], options: AdamWOptions): number[] {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  const theta = [...start];
  const m = start.map(() => 0);
  const v = start.map(() => 0);
  gradients.forEach((g, index) => {
    const t = index + 1;
    const rate = rates[index] as number;
    for (let i = 0; i < theta.length; i++) {
      const gi = g[i] as number;
      m[i] = beta1 * (m[i] as number) + (1 - beta1) * gi;
      v[i] = beta2 * (v[i] as number) + (1 - beta2) * gi * gi;
      const mHat = (m[i] as number) / (1 - beta1 ** t);
      const vHat = (v[i] as number) / (1 - beta2 ** t);
      const old = theta[i] as number;
      theta[i] = old - rate * (mHat / (Math.sqrt(vHat) + epsilon) + weightDecay * old);
    }
  });
  return theta;
}

const steps = 12;
const draws = (name: string, count: number) => [...normalValues(uniformStream('adamW', name), count)];
const start = draws('start', 6);
const gradients = Array.from({ length: steps }, (_, t) => draws(`gradient ${t}`, 6));
const rates = Array.from({ length: steps }, (_, t) => 0.1 / (t + 1));

describeOnBackends('adamW', () => {
  it.each<[string, AdamWOptions]>([
    ['defaults', {}],
    ['weight decay', { weightDecay: 0.3 }],
    ['all options', { beta1: 0.5, beta2: 0.9, epsilon: 1e-2, weightDecay: 0.1 }],
  ])('equals a float64 derivation (%s)', async (_, options) => {
    const w = tf.variable(tf.tensor2d(start, [2, 3]));
    const optimizer = adamW(options);
    gradients.forEach((g, t) => {
      const gradient = tf.tensor2d(g, [2, 3]);
      optimizer.update({ w }, { w: gradient }, rates[t] as number);
      gradient.dispose();
    });
    expect(optimizer.step).toBe(steps);
    expect(await w.data()).toBeAllclose(reference(start, gradients, rates, options), 2e-6);
    tf.dispose(w);
    optimizer.dispose();
  });

  it('decays matrices only, unless told otherwise', async () => {
    const scale = tf.variable(tf.tensor1d([2]));
    const matrix = tf.variable(tf.tensor2d([[2]]));
    const zero = { scale: tf.zeros([1]), matrix: tf.zeros([1, 1]) };
    const optimizer = adamW({ weightDecay: 0.5 });
    optimizer.update({ scale, matrix }, zero, 0.1);
    expect([...(await scale.data()), ...(await matrix.data())]).toBeAllclose([2, 1.9], 1e-6);
    const named = adamW({ weightDecay: 0.5, decay: (name) => name === 'scale' });
    named.update({ scale, matrix }, zero, 0.1);
    expect([...(await scale.data()), ...(await matrix.data())]).toBeAllclose([1.9, 1.9], 1e-6);
    optimizer.dispose();
    named.dispose();
    tf.dispose([scale, matrix, zero]);
  });
});

describe('adamW', () => {
  it('continues bit for bit after state and restore, in whatever order the variables come', async () => {
    const run = async (interrupted: boolean) => {
      const a = tf.variable(tf.tensor1d(start.slice(0, 3)));
      const b = tf.variable(tf.tensor1d(start.slice(3)));
      let optimizer = adamW();
      let variables: Record<string, tf.Variable> = { a, b };
      gradients.forEach((g, t) => {
        if (interrupted && t === 5) {
          const next = adamW();
          next.restore(optimizer.state(), optimizer.step);
          optimizer.dispose();
          optimizer = next;
          variables = { b, a };
        }
        tf.tidy(() => {
          optimizer.update(variables, { a: tf.tensor1d(g.slice(0, 3)), b: tf.tensor1d(g.slice(3)) }, 0.01);
        });
      });
      const result = [...(await a.data()), ...(await b.data())];
      optimizer.dispose();
      tf.dispose([a, b]);
      return result;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  it('leaves a variable without a gradient alone', async () => {
    const a = tf.variable(tf.tensor2d([[1]]));
    const b = tf.variable(tf.tensor2d([[1]]));
    const gradient = tf.ones([1, 1]);
    const optimizer = adamW({ weightDecay: 0.1 });
    optimizer.update({ a, b }, { a: gradient }, 0.1);
    expect(await b.data()).toEqual(new Float32Array([1]));
    expect(Object.keys(optimizer.state()).every((key) => key.endsWith('/a'))).toBe(true);
    optimizer.dispose();
    tf.dispose([a, b, gradient]);
  });

  it('leaks nothing', async () => {
    await expectNoLeak(() => {
      const w = tf.tidy(() => tf.variable(tf.zeros([2, 2])));
      const gradient = tf.ones([2, 2]);
      const optimizer = adamW({ weightDecay: 0.1 });
      for (let t = 0; t < 3; t++) optimizer.update({ w }, { w: gradient }, 0.1);
      optimizer.restore(optimizer.state(), 3);
      optimizer.dispose();
      optimizer.dispose();
      tf.dispose([w, gradient]);
    });
  });

  it('refuses what it cannot use, before changing anything', async () => {
    const w = tf.variable(tf.ones([2]));
    const optimizer = adamW();
    const good = tf.ones([2]);
    const bad = tf.ones([2, 1]);
    expect(() => optimizer.update({ w }, { w: bad }, 0.1)).toThrow(/shape \[2, 1\] but \[2\]/);
    expect(() => optimizer.update({ w }, { w: good, x: good }, 0.1)).toThrow(/"x"/);
    expect(() => optimizer.update({ w }, { w: good }, Number.NaN)).toThrow(/learning rate is NaN/);
    expect(() => adamW({ beta1: 1 })).toThrow(/beta1 1/);
    expect(optimizer.step).toBe(0);
    expect(await w.data()).toEqual(new Float32Array([1, 1]));
    tf.dispose([w, good, bad]);
  });
});
