import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { normal, take } from '../../../test/support/kernel-properties.js';
import { matrixHead } from './matrix-head.js';

const [ROWS, WIDTH, VOCABULARY] = [3, 8, 37];
const targets = Int32Array.of(0, 36, 17);

/** Columns of each piece; more pieces than a GPU's program can read tensors, and a last one of one column. */
const CUTS = [
  [36, 1],
  [1, 20, 16],
  [...new Array<number>(12).fill(3), 1],
];

describeOnBackends('matrixHead in pieces', () => {
  it('gives the logits, log-probs and gradients of the whole, and packs them', async () => {
    const whole = normal('head', [WIDTH, VOCABULARY]);
    const normed = normal('normed', [ROWS, WIDTH]);
    const compute = async (pieces: readonly tf.Tensor2D[]) => {
      const head = matrixHead(pieces);
      const logits = await take(head.logits(normed));
      const { value, grads } = tf.valueAndGrads((x) => head.logProbs(x as tf.Tensor2D, targets, 0.7))(
        [normed],
        tf.ones([ROWS]),
      );
      const packed = head.pack?.();
      expect(packed?.columns).toEqual(pieces.map(({ shape }) => shape[1]));
      const decoded = tf.tidy(() => tf.concat(packed?.multiply(normed) ?? [], 1));
      packed?.dispose();
      const scores = [await take(value), await take(grads[0] as tf.Tensor)];
      return { logits, decoded: await take(decoded), scores };
    };
    const expected = await compute([whole]);
    for (const sizes of CUTS) {
      const pieces = tf.split(whole, sizes, 1) as tf.Tensor2D[];
      const found = await compute(pieces);
      tf.dispose(pieces);
      expect(found.logits).toBeAllclose(expected.logits, 1e-6);
      expect(found.decoded).toBeAllclose(expected.logits, 1e-6);
      // Where a logit is one sum in an order of its own, it is the same bits whatever its piece.
      if (['cpu', 'wasm'].includes(tf.getBackend())) expect(found.logits).toEqual(expected.logits);
      if (['cpu', 'wasm'].includes(tf.getBackend())) expect(found.decoded).toEqual(expected.decoded);
      found.scores.forEach((values, i) => {
        expect(values).toBeAllclose(expected.scores[i] as Float32Array, 1e-6);
      });
    }
    tf.dispose([whole, normed]);
  });

  it('leaves nothing behind', async () => {
    const whole = normal('head', [WIDTH, VOCABULARY]);
    const normed = normal('normed', [ROWS, WIDTH]);
    await expectNoLeak(() => {
      const pieces = tf.split(whole, [20, 17], 1) as tf.Tensor2D[];
      const head = matrixHead(pieces);
      const packed = head.pack?.();
      tf.dispose([head.logits(normed), head.logProbs(normed, targets, 1), packed?.multiply(normed) ?? []]);
      packed?.dispose();
      tf.dispose(pieces);
    });
    tf.dispose([whole, normed]);
  });
});
