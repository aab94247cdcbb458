import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { context, type TabularPolicy, tabularPolicy } from '../../../test/support/tabular-policy.js';
import type { Policy } from '../../policy/policy.js';
import { checkPolicy } from './check-policy.js';

const contexts = [context(1), context(2, 3), context()];
const failures = async (policy: Policy, space = 'image') => {
  const report = await checkPolicy(policy, { contexts, space });
  expect(report.passed).toBe(report.checks.every(({ passed }) => passed));
  return report.checks.filter(({ passed }) => !passed).map(({ check }) => check);
};

describeOnBackends('checkPolicy', () => {
  it('passes a right policy on each of its spaces, with and without the optional parts', async () => {
    for (const options of [{}, { logProbs: true }, { decoding: false, guidance: false }]) {
      const policy = tabularPolicy(options);
      expect(await failures(policy)).toEqual([]);
      expect(await failures(policy, 'text')).toEqual([]);
      await expectNoLeak(async () => {
        await checkPolicy(policy, { contexts, space: 'text' });
      });
      policy.dispose();
    }
  });
});

describe('checkPolicy finds', () => {
  let right: TabularPolicy;
  beforeAll(() => {
    right = tabularPolicy({ logProbs: true });
  });
  const cases: [string, () => Partial<Policy>, string[]][] = [
    [
      'rows that see each other',
      () => ({
        logProbs: undefined,
        logits: (...args) =>
          tf.tidy(() => {
            const logits = right.logits(...args);
            return tf.add(logits, tf.sum(tf.slice(logits, [0, 0, 0], [-1, 1, -1]), 0, true)) as tf.Tensor3D;
          }),
      }),
      ['batch invariance', 'startDecoding equals logits'],
    ],
    [
      'tokens that see the future',
      () => ({
        logProbs: undefined,
        logits: (rows, completion, space) =>
          right.logits(
            rows,
            { ...completion, ids: completion.ids.map((_, i, all) => all[i + 1] ?? 0) },
            space,
          ),
      }),
      ['causality', 'startDecoding equals logits'],
    ],
    [
      'a head of the wrong size',
      () => ({ logits: () => tf.zeros([3, 5, 4]) as tf.Tensor3D, logProbs: undefined }),
      ['shapes'],
    ],
    [
      'decoding that is not the model',
      () => ({
        startDecoding: (rows, space, options) => {
          const session = right.startDecoding?.(rows, space, options);
          if (session === undefined) throw new Error('no session');
          return { ...session, next: (tokens) => tf.tidy(() => tf.mul(session.next(tokens), 1.01)) };
        },
      }),
      ['startDecoding equals logits'],
    ],
    [
      'log-probs that ignore the temperature',
      () => ({
        logProbs: (rows, completion, space) => right.logProbs?.(rows, completion, space, 1) as tf.Tensor2D,
      }),
      ['logProbs equals logits'],
    ],
    [
      'a leak',
      () => ({
        logits: (...args) => {
          tf.scalar(1);
          return right.logits(...args);
        },
        logProbs: undefined,
      }),
      ['no leaks'],
    ],
    ['a policy without variables', () => ({ variables: {} }), ['gradients']],
    [
      'variables that do nothing',
      () => ({ variables: { 'text/bias': right.variables['text/bias'] as tf.Variable } }),
      ['gradients'],
    ],
  ];
  for (const [name, part, expected] of cases) {
    it(name, async () => {
      const found = await failures({ ...right, ...part() });
      expect(found).toEqual(expect.arrayContaining(expected));
      if (!expected.includes('shapes')) expect(found).toEqual(expected);
    });
  }

  it('says what it measured', async () => {
    const { checks } = await checkPolicy(right, { contexts, space: 'image' });
    expect(checks.find(({ check }) => check === 'gradients')?.detail).toBe(
      'zero for this space: text/bigram, text/bias',
    );
    expect(checks.find(({ check }) => check === 'batch invariance')?.detail).toMatch(
      /differ by .*e.* \(allowed 0.00001\)/,
    );
  });

  it('that it was given too little', async () => {
    await expect(checkPolicy(right, { contexts: [context(1)], space: 'image' })).rejects.toThrow(
      /at least 2/,
    );
  });
});
