import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expectNoLeak } from '../../../test/support/backends.js';
import {
  describeFused,
  expectClose,
  normal,
  normals,
  sameBits,
  scales,
  seeds,
  take,
  withComposed,
} from '../../../test/support/kernel-properties.js';
import { type AdamWNext, type AdamWState, adamWUpdate } from '../adamw.js';
import { ADAM_W } from './adamw.js';

const NUMBERS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, rate: 0.01, correction: 1.5, shrink: 0.999 };

const shapes = fc.oneof(
  fc.constant<number[]>([]),
  fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
);
const numbers = fc.record({
  beta1: fc.constantFrom(0, 0.5, 0.9),
  beta2: fc.constantFrom(0, 0.95, 0.999),
  epsilon: fc.constantFrom(1e-8, 1e-3),
  rate: fc.constantFrom(0, 1e-4, 0.1),
  correction: fc.constantFrom(1, 31),
  shrink: fc.constantFrom(1, 0.9),
});

const parts = ['variable', 'mean', 'square'] as const;
const read = async (next: AdamWNext) => Promise.all(parts.map((part) => take(next[part])));

function stateOf(seed: number, shape: number[], scale: number, begun: boolean): AdamWState {
  const random = (name: string): tf.Tensor => normal(`${name} ${seed}`, shape, scale);
  const state = { variable: random('variable'), gradient: random('gradient') };
  return begun ? { ...state, mean: random('mean'), square: tf.square(random('square')) } : state;
}

describeFused('adamWUpdate', [ADAM_W], () => {
  it('is the stock update, from moments and without', () =>
    fc.assert(
      fc.asyncProperty(
        shapes,
        scales,
        seeds,
        fc.boolean(),
        numbers,
        async (shape, scale, seed, begun, by) => {
          const state = stateOf(seed, shape, scale, begun);
          const fused = await read(adamWUpdate(state, by));
          const composed = await withComposed(() => read(adamWUpdate(state, by)));
          // A step may cancel what a variable was: its error is measured against what was subtracted from.
          const [most] = await tf.tidy(() => tf.max(tf.abs(state.variable))).data();
          fused.forEach((values, i) => {
            expectClose(values, composed[i] as Float32Array, 1e-5, parts[i] === 'variable' ? most : 0);
          });
          tf.dispose(Object.values(state));
        },
      ),
      { numRuns: 60 },
    ));

  it('leaves what it was given as it was, and three tensors', async () => {
    const state = stateOf(1, [3, 7], 1, true);
    const given = Object.values(state) as tf.Tensor[];
    const before = await Promise.all(given.map((tensor) => tensor.data()));
    const shapesOf = (next: AdamWNext) => parts.map((part) => next[part].shape);
    await expectNoLeak(() => {
      const next = adamWUpdate(state, NUMBERS);
      expect(shapesOf(next)).toEqual([
        [3, 7],
        [3, 7],
        [3, 7],
      ]);
    }, 3);
    await expectNoLeak(() => void adamWUpdate({ ...state, mean: undefined, square: undefined }, NUMBERS), 3);
    const after = await Promise.all(given.map((tensor) => tensor.data()));
    expect(after).toEqual(before);
  });

  it('gives a number the same bits wherever it stands', async () => {
    const values = normals('adamw', 40);
    const update = (from: number, to: number) => {
      const part = tf.tensor1d(values.slice(from, to));
      return read(
        adamWUpdate({ variable: part, gradient: part, mean: part, square: tf.square(part) }, NUMBERS),
      );
    };
    const whole = await update(0, 40);
    for (const [from, to] of [
      [0, 1],
      [5, 8],
      [3, 40],
      [39, 40],
    ] as const) {
      const part = await update(from, to);
      part.forEach((got, i) => {
        expect(sameBits(got, (whole[i] as Float32Array).subarray(from, to))).toBe(true);
      });
    }
  });

  it('is NaN where the gradient is', async () => {
    for (let at = 0; at < 6; at++) {
      const gradient = normals('gradient', 6);
      gradient[at] = Number.NaN;
      const next = await read(
        adamWUpdate({ variable: tf.ones([6]), gradient: tf.tensor1d(gradient) }, NUMBERS),
      );
      for (const part of next) part.forEach((value, i) => void expect(Number.isNaN(value)).toBe(i === at));
    }
  });
});
