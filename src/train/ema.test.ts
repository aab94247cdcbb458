import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { weightAverage } from './ema.js';

describeOnBackends('weightAverage', () => {
  it('averages, lends itself, and gives the weights back', async () => {
    await expectNoLeak(async () => {
      const a = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
      const average = weightAverage({ a }, { decay: 0.75 });
      for (const value of [5, 9]) {
        const next = tf.tensor1d([value, 0]);
        a.assign(next);
        next.dispose();
        average.update();
      }
      // 1 → ¾ + 5/4 = 2 → 3/2 + 9/4; 2 → 3/2 → 9/8
      expect(await average.weights.a?.data()).toBeAllclose([3.75, 1.125], 1e-6);
      const inside = await average.use(async () => {
        await expect(average.use(async () => {})).rejects.toThrow(/already lent/);
        return [...(await a.data())];
      });
      expect(inside).toBeAllclose([3.75, 1.125], 1e-6);
      await expect(
        average.use(async () => {
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      expect([...(await a.data())]).toEqual([9, 0]);
      const other = tf.tensor1d([7, 7]);
      average.restore({ a: other });
      other.dispose();
      expect(await average.weights.a?.data()).toBeAllclose([7, 7]);
      average.dispose();
      average.dispose();
      a.dispose();
    });
  });

  it('refuses a decay that is none', () => {
    for (const decay of [1, -0.1, Number.NaN]) {
      expect(() => weightAverage({}, { decay })).toThrow(/decay is/);
    }
  });
});
