import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { context, tabularPolicy } from '../../test/support/tabular-policy.js';
import { isBicotError } from '../errors.js';
import { completionLogProbs } from './log-probs.js';
import type { TokenContext } from './policy.js';
import { freezeReference, policyReference, type Reference } from './reference.js';
import { tokenBatch } from './tokens.js';

const batch = {
  contexts: [context(1), context(2, 3)],
  completion: tokenBatch([[1, 2], [3]]),
  space: 'image',
};

/** Adds 1 times a pattern to every variable, as an update would. */
function update(policy: { variables: Readonly<Record<string, tf.Variable>> }): void {
  for (const variable of Object.values(policy.variables)) {
    tf.tidy(() => variable.assign(tf.add(variable, tf.cos(tf.mul(variable, 3)))));
  }
}

const valuesOf = async (tensors: Readonly<Record<string, tf.Tensor>>) => {
  const values: Record<string, number[]> = {};
  for (const [name, tensor] of Object.entries(tensors)) values[name] = [...(await tensor.data())];
  return values;
};

describeOnBackends('freezeReference', () => {
  it('keeps scoring with the frozen weights while the policy moves on', async () => {
    const policy = tabularPolicy();
    const before = await completionLogProbs(policy, batch).data();
    const reference = freezeReference(policy);
    update(policy);
    const moved = await completionLogProbs(policy, batch).data();
    expect(await reference.logProbs(batch).data()).toEqual(before);
    expect(await reference.run((frozen) => completionLogProbs(frozen, batch)).data()).toEqual(before);
    expect(await completionLogProbs(policy, batch).data()).toEqual(moved);
    expect(moved).not.toEqual(before);
    reference.dispose();
    policy.dispose();
  });

  it('gives the weights back bit for bit, also when the function throws', async () => {
    const policy = tabularPolicy();
    const bias = policy.variables['text/bias'] as tf.Variable;
    tf.tidy(() => bias.assign(tf.tensor(new Float32Array(bias.size).fill(-0), bias.shape)));
    const reference = freezeReference(policy);
    update(policy);
    const before = await valuesOf(policy.variables);
    reference.run(() => reference.run(() => undefined));
    expect(() =>
      reference.run(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(await valuesOf(policy.variables)).toEqual(before);
    const inside = reference.run((frozen) => tf.clone(frozen.variables['text/bias'] as tf.Variable));
    expect([...(await inside.data())].every((value) => Object.is(value, -0))).toBe(true);
    // An update after the loan still reaches the variable and not the reference.
    update(policy);
    expect(await valuesOf(policy.variables)).not.toEqual(before);
    expect([...(await (reference.weights['text/bias'] as tf.Tensor).data())]).toEqual(
      new Array(bias.size).fill(-0),
    );
    reference.dispose();
    policy.dispose();
  });

  it('refuses an asynchronous function, and any use after dispose', () => {
    const policy = tabularPolicy();
    const reference = freezeReference(policy);
    expect(() => reference.run(async () => 1)).toThrow(/asynchronous/);
    reference.dispose();
    reference.dispose();
    expect(() => reference.run(() => 1)).toThrow(/disposed/);
    policy.dispose();
  });

  it('follows the policy on request', async () => {
    const policy = tabularPolicy();
    const old = await valuesOf(policy.variables);
    const reference = freezeReference(policy);
    update(policy);
    const now = await valuesOf(policy.variables);
    reference.sync(0.25);
    const name = 'image/bigram';
    const mixed = (now[name] as number[]).map((value, i) => 0.25 * value + 0.75 * (old[name]?.[i] as number));
    expect(await (reference.weights[name] as tf.Tensor).data()).toBeAllclose(mixed, 1e-6);
    reference.sync();
    expect(await valuesOf(reference.weights)).toEqual(now);
    expect(() => reference.sync(1.5)).toThrow(/mixture is 1.5/);
    reference.dispose();
    policy.dispose();
  });

  it('leaks nothing, and survives a surrounding tidy', async () => {
    const policy = tabularPolicy();
    await expectNoLeak(() => {
      let frozenInside: Reference<TokenContext> | undefined;
      tf.tidy(() => {
        frozenInside = freezeReference(policy);
      });
      const reference = frozenInside as Reference<TokenContext>;
      reference.logProbs(batch).dispose();
      tf.tidy(() => {
        reference.run((frozen) => completionLogProbs(frozen, batch));
      });
      reference.sync(0.5);
      reference.sync();
      reference.dispose();
    });
    policy.dispose();
  });
});

describeOnBackends('policyReference', () => {
  it('is another policy', async () => {
    const policy = tabularPolicy({ seed: 5 });
    const reference = policyReference(policy);
    const expected = await completionLogProbs(policy, batch).data();
    expect(await reference.logProbs(batch).data()).toEqual(expected);
    expect(reference.run((own) => own)).toBe(policy);
    let error: unknown;
    try {
      reference.sync();
    } catch (thrown) {
      error = thrown;
    }
    expect(isBicotError(error, 'unsupported')).toBe(true);
    reference.dispose();
    expect(policy.variables['text/bias']?.isDisposed).toBe(false);
    policy.dispose();
  });
});
