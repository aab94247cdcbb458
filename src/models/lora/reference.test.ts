import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { adaptedPolicy, policyMatrices, VOCABULARY } from '../../../test/support/adapted-policy.js';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { shownToken } from '../../../test/support/identity-policy.js';
import { isBicotError } from '../../errors.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { freezeReference } from '../../policy/reference.js';
import { tokenBatch } from '../../policy/tokens.js';
import { adamW } from '../../train/optimizer.js';
import { pretrainStep } from '../../train/pretrain.js';
import { createAdapters } from './adapters.js';
import { adapterReference, withoutAdapters } from './reference.js';

const shown = Array.from({ length: VOCABULARY }, (_, token) => token);
/** To answer each token with the one after it. */
const batch = {
  contexts: shown.map(shownToken),
  completion: tokenBatch(shown.map((token) => [(token + 1) % VOCABULARY])),
  space: 'text',
};

const thrownBy = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
};

describeOnBackends('adapters under AdamW', () => {
  it('learn, while the matrices beside them stay the same bits, and the reference what it was', async () => {
    const matrices = policyMatrices();
    const before = await Promise.all(
      [...matrices.values()].map((matrix) => matrix.data().then((v) => v.slice())),
    );
    const base = await completionLogProbs(adaptedPolicy(matrices), batch).data();
    const adapters = createAdapters(matrices, { rank: 4, alpha: 8 });
    const policy = adaptedPolicy(matrices, adapters);
    const reference = adapterReference(policy, adapters);
    const frozen = freezeReference(policy);
    const optimizer = adamW();
    const first = await pretrainStep(policy, [batch], optimizer, 0.05);
    let last = first;
    for (let step = 0; step < 60; step++) last = await pretrainStep(policy, [batch], optimizer, 0.05);
    expect(first.loss).toBeGreaterThan(1.5);
    expect(last.loss).toBeLessThan(0.2);

    const after = await Promise.all([...matrices.values()].map((matrix) => matrix.data()));
    expect(after).toEqual(before);
    // Every A and B has learned.
    const state = optimizer.state();
    for (const name of Object.keys(adapters.variables)) {
      expect(
        (await (state[`mean/${name}`] as tf.Tensor).data()).some((value) => value !== 0),
        name,
      ).toBe(true);
    }
    expect(await reference.logProbs(batch).data()).toEqual(base);
    expect(await reference.run((own) => completionLogProbs(own, batch)).data()).toEqual(base);
    expect(await frozen.logProbs(batch).data()).toEqual(base);
    expect(await completionLogProbs(policy, batch).data()).not.toEqual(base);
    frozen.dispose();
    optimizer.dispose();
    adapters.dispose();
  });
});

describeOnBackends('withoutAdapters', () => {
  it('turns adapters off for a call, and back to what they were, also inside each other and if it throws', () => {
    const adapters = createAdapters(policyMatrices(), { rank: 1 });
    const { power } = adapters;
    const inside = withoutAdapters(adapters, () => {
      withoutAdapters(adapters, () => expect(power.on).toBe(false));
      return power.on;
    });
    expect([inside, power.on]).toEqual([false, true]);
    expect(() =>
      withoutAdapters(adapters, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(power.on).toBe(true);
    power.on = false;
    withoutAdapters(adapters, () => {});
    expect(power.on).toBe(false);
    adapters.dispose();
  });

  it('refuses an asynchronous function', () => {
    const adapters = createAdapters(policyMatrices(), { rank: 1 });
    expect(
      isBicotError(
        thrownBy(() => withoutAdapters(adapters, async () => 1)),
        'unsupported',
      ),
    ).toBe(true);
    expect(adapters.power.on).toBe(true);
    adapters.dispose();
  });
});

describeOnBackends('adapterReference', () => {
  it('holds nothing, cannot follow the policy, and is scored in this thread', async () => {
    const matrices = policyMatrices();
    const adapters = createAdapters(matrices, { rank: 2 });
    const policy = adaptedPolicy(matrices, adapters);
    await expectNoLeak(() => {
      const reference = adapterReference(policy, adapters);
      expect(reference.weights).toEqual({});
      expect(reference.snapshotOf).toBeUndefined();
      reference.logProbs(batch).dispose();
      expect(
        isBicotError(
          thrownBy(() => reference.sync()),
          'unsupported',
        ),
      ).toBe(true);
      expect(() => reference.run(async () => 1)).toThrow(/asynchronous/);
      reference.dispose();
    });
    expect(adapters.variables['model.layers.0.mlp.up_proj.lora_A']?.isDisposed).toBe(false);
    adapters.dispose();
  });

  it('refuses a policy that trains something else, which would not be frozen', () => {
    const matrices = policyMatrices();
    const adapters = createAdapters(matrices, { rank: 2 });
    const policy = adaptedPolicy(matrices, adapters);
    const variables = { ...policy.variables, head: tf.variable(tf.zeros([1])) };
    expect(() => adapterReference({ ...policy, variables }, adapters)).toThrow(
      /also trains head, .*freezeReference/,
    );
    adapters.dispose();
  });
});
