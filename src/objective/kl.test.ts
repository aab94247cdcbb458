import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import fixture from '../../test/fixtures/grpo-losses.json';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { type KlKind, klEstimate } from './kl.js';

const { logp, ref } = fixture.inputs;

describeOnBackends('klEstimate', () => {
  for (const kind of ['k1', 'k2', 'k3'] as const) {
    it(`equals verl: ${kind}`, async () => {
      const estimate = klEstimate(kind, tf.tensor2d(logp), tf.tensor2d(ref));
      expect(await estimate.data()).toBeAllclose(fixture.verl_kl[kind].flat());
    });
  }

  it('has the gradients of the formulas', async () => {
    const reference = tf.tensor2d(ref);
    // Δ = ref − lp: k1' = 1, k2' = −Δ, k3' = 1 − exp(Δ).
    const expected: Record<KlKind, (delta: number) => number> = {
      k1: () => 1,
      k2: (delta) => -delta,
      k3: (delta) => 1 - Math.exp(delta),
    };
    for (const kind of ['k1', 'k2', 'k3'] as const) {
      const gradient = tf.grad((x) => tf.sum(klEstimate(kind, x, reference)))(tf.tensor2d(logp));
      const deltas = ref.flat().map((value, i) => value - (logp.flat()[i] as number));
      expect(await gradient.data()).toBeAllclose(deltas.map(expected[kind]));
    }
    const atReference = tf.grad((x) => tf.sum(klEstimate('k3', x, reference)))(reference);
    expect((await atReference.data()).every((value) => value === 0)).toBe(true);
  });

  it('leaks nothing and refuses what does not fit', async () => {
    const a = tf.tensor2d(logp);
    const b = tf.tensor2d(ref);
    await expectNoLeak(() => klEstimate('k3', a, b).dispose());
    expect(() => klEstimate('k3', a, tf.tensor1d([1]))).toThrow(/referenceLogProbs has shape \[1\]/);
    expect(() => klEstimate('k4' as KlKind, a, b)).toThrow(/kind is "k4"; use 'k1', 'k2' or 'k3'/);
  });
});
