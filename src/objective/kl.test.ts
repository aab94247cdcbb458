import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import fixture from '../../test/fixtures/grpo-losses.json';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { type KlKind, kl } from './kl.js';

const { logp, ref } = fixture.inputs;

describeOnBackends('kl', () => {
  for (const kind of ['k1', 'k2', 'k3'] as const) {
    it(`equals verl: ${kind}`, async () => {
      const estimate = kl(kind, tf.tensor2d(logp), tf.tensor2d(ref));
      expect(await estimate.data()).toBeAllclose(fixture.verl_kl[kind].flat());
    });
  }

  it('has the gradients of the formulas', async () => {
    const reference = tf.tensor2d(ref);
    // Δ = ref − lp: k1' = 1, k2' = −Δ, k3' = 1 − exp(Δ).
    const expected: Record<'k1' | 'k2' | 'k3', (delta: number) => number> = {
      k1: () => 1,
      k2: (delta) => -delta,
      k3: (delta) => 1 - Math.exp(delta),
    };
    for (const kind of ['k1', 'k2', 'k3'] as const) {
      const gradient = tf.grad((x) => tf.sum(kl(kind, x, reference)))(tf.tensor2d(logp));
      const deltas = ref.flat().map((value, i) => value - (logp.flat()[i] as number));
      expect(await gradient.data()).toBeAllclose(deltas.map(expected[kind]));
    }
    const atReference = tf.grad((x) => tf.sum(kl('k3', x, reference)))(reference);
    expect((await atReference.data()).every((value) => value === 0)).toBe(true);
  });

  it('is finite whatever the reference thinks', async () => {
    const infinities = [Number.NEGATIVE_INFINITY, 0, -1e6, -1000, -100, -30, -1];
    for (const kind of ['k1', 'k2', 'k3', 'abs', 'k1+', 'k3+', 'abs+'] as const) {
      for (const logProb of [-1, -30, -1000]) {
        const policy = tf.fill([infinities.length], logProb) as tf.Tensor1D;
        const reference = tf.tensor1d(infinities);
        const { value, grad } = tf.valueAndGrad((x) => tf.sum(kl(kind, x as tf.Tensor1D, reference)))(policy);
        expect(Number.isFinite((await value.data())[0])).toBe(true);
        expect((await grad.data()).every(Number.isFinite)).toBe(true);
      }
    }
    const impossible = await kl('k3', tf.tensor1d([-1]), tf.tensor1d([Number.NEGATIVE_INFINITY])).data();
    expect(impossible).toBeAllclose([Math.exp(-20) + 20 - 1]);
  });

  it('leaks nothing and refuses what does not fit', async () => {
    const a = tf.tensor2d(logp);
    const b = tf.tensor2d(ref);
    await expectNoLeak(() => kl('k3', a, b).dispose());
    expect(() => kl('k3', a, tf.tensor1d([1]) as tf.Tensor as tf.Tensor2D)).toThrow(
      /referenceLogProbs has shape \[1\]/,
    );
    expect(() => kl('k4' as KlKind, a, b)).toThrow(
      /kind is "k4"; use 'k3' .* another of k1, k2, k3, abs, k1\+, k3\+, abs\+/,
    );
  });
});
