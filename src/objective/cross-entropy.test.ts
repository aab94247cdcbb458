import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { crossEntropy } from './cross-entropy.js';

describeOnBackends('crossEntropy', () => {
  const weights = () => tf.tensor2d([0.25, 0.5, 0, 0.125, 0, 0], [2, 3]);

  it('is the weighted negative log-likelihood, whatever the padding holds', async () => {
    const logProbs = tf.tensor2d([-1, -2, Number.NEGATIVE_INFINITY, -4, Number.NaN, -9], [2, 3]);
    const { value, grad } = tf.valueAndGrad((x) => crossEntropy(x as tf.Tensor2D, weights()))(logProbs);
    expect(await value.data()).toBeAllclose([0.25 + 1 + 0.5]);
    expect(await grad.data()).toBeAllclose([-0.25, -0.5, 0, -0.125, 0, 0]);
  });

  it('leaks nothing and refuses what would broadcast', async () => {
    const logProbs = tf.zeros([2, 3]) as tf.Tensor2D;
    const constant = weights();
    await expectNoLeak(() => crossEntropy(logProbs, constant).dispose());
    expect(() => crossEntropy(logProbs, tf.zeros([2, 1]) as tf.Tensor2D)).toThrow(
      /aggregate: weights has shape/,
    );
  });
});
