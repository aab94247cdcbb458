import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { identityPolicy, shownToken } from '../../test/support/identity-policy.js';
import type { TokenContext } from '../policy/policy.js';
import { rewardEnsemble } from '../rewards/ensemble/ensemble.js';
import { abstain, score } from '../rewards/reward.js';
import { oneLevelRollout } from '../rollout/one-level.js';
import { evaluate } from './evaluate.js';

const policy = () => identityPolicy({ vocabulary: 4, length: 3 });
const reward = rewardEnsemble<number>({
  first: async (samples) => samples.map(({ tokens }) => score(tokens.token?.[0] as number)),
  odd: async (samples) => samples.map(({ prompt }) => (prompt % 2 ? score(10) : abstain())),
  judge: { reward: async (samples) => samples.map(({ prompt }) => score(prompt)), monitor: true },
});
const setup = () => {
  const rollout = oneLevelRollout<number, TokenContext>({
    policy: policy(),
    space: 'image',
    sampling: {},
    context: shownToken,
  });
  return { rollout, reward, prompts: [0, 1, 2, 3, 1] };
};

describe('evaluate', () => {
  it('means are over all samples, by member and monitor', async () => {
    const result = await evaluate({ ...setup(), samplesPerPrompt: 3, batch: 2 });
    expect(result.samples.map(({ promptIndex }) => promptIndex)).toEqual(
      [0, 1, 2, 3, 4].flatMap((index) => [index, index, index]),
    );
    const firsts = result.samples.map(({ sample }) => sample.tokens.token?.[0] as number);
    const mean = firsts.reduce((a, b) => a + b, 0) / firsts.length;
    expect(result.members.first?.mean).toBeCloseTo(mean, 12);
    expect(result.members.odd).toEqual({ mean: 10, std: 0, abstained: 6, failed: 0 });
    expect(result.monitors.judge?.mean).toBeCloseTo((0 + 1 + 2 + 3 + 1) / 5, 12);
    expect(result.samples.map(({ results }) => results.judge)).toEqual(
      [0, 1, 2, 3, 1].flatMap((value) => [score(value), score(value), score(value)]),
    );
  });

  it('does not depend on the batch, but on the seed; repeats of a prompt differ', async () => {
    const tokens = async (options: { batch?: number; seed?: number }) =>
      (await evaluate({ ...setup(), ...options })).samples.map(({ sample }) => [
        ...(sample.tokens.token ?? []),
      ]);
    const one = await tokens({ batch: 1 });
    expect(await tokens({ batch: 5 })).toEqual(one);
    expect(await tokens({ seed: 1 })).not.toEqual(one);
    expect((await evaluate({ ...setup(), seed: 7 })).seed).toBe(7);
    expect(one.slice(4, 8)).not.toEqual(one.slice(16, 20));
  });

  it('changes no weight and leaves no tensor, reports progress, can be stopped', async () => {
    const options = setup();
    const before = tf.memory().numTensors;
    const done: number[] = [];
    await evaluate({
      ...options,
      batch: 2,
      onProgress: ({ prompts, detail }) => {
        if (!detail) done.push(prompts);
      },
    });
    expect(done).toEqual([2, 4, 5]);
    await expect(evaluate({ ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    });
    await expect(evaluate({ ...options, prompts: [] })).rejects.toMatchObject({ code: 'empty-prompts' });
    expect(tf.memory().numTensors).toBe(before);
  });
});
