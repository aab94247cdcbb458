import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { identityPolicy, shownToken } from '../../test/support/identity-policy.js';
import { tokenBatch } from '../policy/tokens.js';
import { adamW } from './optimizer.js';
import { pretrainStep } from './pretrain.js';

const V = 5;
const shown = [0, 1, 2, 3, 4, 2, 1];
const contexts = shown.map(shownToken);
const text = { contexts, completion: tokenBatch(shown.map((t) => (t % 2 ? [t, t] : [t]))), space: 'text' };
const image = { contexts, completion: tokenBatch(shown.map((t) => [t])), space: 'image', weight: 3 };

describeOnBackends('pretrainStep', () => {
  it('starts near ln V, and learns to copy in both spaces', async () => {
    const policy = identityPolicy({ vocabulary: V });
    const optimizer = adamW();
    const first = await pretrainStep(policy, [text, image], optimizer, 0.1);
    for (const loss of first.losses) expect(Math.abs(loss - Math.log(V))).toBeLessThan(0.3);
    expect(first.loss).toBeCloseTo((first.losses[0] as number) + 3 * (first.losses[1] as number), 5);
    let last = first;
    for (let i = 0; i < 40; i++) last = await pretrainStep(policy, [text, image], optimizer, 0.1);
    for (const loss of last.losses) expect(loss).toBeLessThan(0.05);
    optimizer.dispose();
    policy.dispose();
  });
});

describe('pretrainStep', () => {
  it('does not depend on the micro-batch', async () => {
    const run = async (microBatch: number) => {
      const policy = identityPolicy({ vocabulary: V });
      const optimizer = adamW();
      const result = await pretrainStep(policy, [text, image], optimizer, 0.1, { microBatch });
      const gradient = await (optimizer.state()['mean/input'] as tf.Tensor).data();
      optimizer.dispose();
      policy.dispose();
      return { ...result, gradient };
    };
    const whole = await run(100);
    const parts = await run(2);
    expect([parts.loss, ...parts.losses, parts.gradNorm]).toBeAllclose([
      whole.loss,
      ...whole.losses,
      whole.gradNorm,
    ]);
    expect(parts.gradient).toBeAllclose(whole.gradient);
  });

  it('leaks nothing beyond the optimiser, and refuses NaN with the weights unchanged', async () => {
    await expectNoLeak(async () => {
      const policy = identityPolicy({ vocabulary: V });
      const optimizer = adamW();
      await pretrainStep(policy, [text], optimizer, 0.1, { microBatch: 3 });
      const output = policy.variables['output.text'] as tf.Variable;
      const before = await output.data();
      const input = policy.variables.input as tf.Variable;
      tf.tidy(() => input.assign(tf.mul(input, Number.NaN)));
      await expect(pretrainStep(policy, [text], optimizer, 0.1)).rejects.toMatchObject({
        code: 'non-finite',
      });
      expect(await output.data()).toEqual(before);
      optimizer.dispose();
      policy.dispose();
    });
  });
});
