/** The shipped transformer through the whole stack: one distribution for sampling, scoring and training. */
import * as tf from '@tensorflow/tfjs';
import {
  biLevelRollout,
  checkPolicy,
  completionLogProbs,
  type GuidanceLogProbs,
  levelLogProbs,
  rewardEnsemble,
  type SamplingOptions,
  sampleCompletions,
  score,
  type TokenContext,
  t2iR1,
  tokenMask,
  train,
  uniformStream,
} from 'bicot';
import type { TransformerPolicy } from 'bicot/models';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnBackends } from './support/backends.js';
import { END, IMAGE, smallTransformer } from './support/small-transformer.js';

const contexts: TokenContext[] = [
  [1, 5, END],
  [1, 6, 7, 8, 9, END],
  [1, 10, 11, END],
].map((ids) => ({
  ids: Int32Array.from(ids),
}));

describeOnBackends('transformer policy', () => {
  let model: TransformerPolicy;
  beforeAll(async () => {
    model = await smallTransformer();
  });
  afterAll(() => model.dispose());

  for (const space of ['text', 'image']) {
    it(`passes checkPolicy for ${space}`, async () => {
      const report = await checkPolicy(model, { contexts, space });
      expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(report.checks.length).toBeGreaterThan(5);
    });
  }

  const distributions: [string, SamplingOptions][] = [
    ['plain', {}],
    ['tempered', { temperature: 0.7 }],
    ['truncated', { topK: 7, topP: 0.9, recordKept: true }],
    ...(['guided', 'guided-detached'] as GuidanceLogProbs[]).map((logProbs): [string, SamplingOptions] => [
      `guidance 3, ${logProbs}`,
      { guidance: { scale: 3, logProbs }, temperature: 0.9 },
    ]),
    ['guided and truncated', { guidance: { scale: 2 }, topP: 0.8, recordKept: true }],
  ];
  for (const [name, sampling] of distributions) {
    for (const space of ['text', 'image']) {
      it(`behaviour log-probs of the cached sampler equal teacher-forced ones: ${name}, ${space}`, async () => {
        const sampled = await sampleCompletions(model, {
          contexts,
          samplesPerContext: 3,
          space,
          streams: (row) => uniformStream('transformer policy', name, space, row),
          sampling: { maxTokens: 9, ...sampling },
        });
        const repeated = contexts.flatMap((context) => [context, context, context]);
        const scored = completionLogProbs(
          model,
          { contexts: repeated, completion: sampled.completion, space },
          { ...sampling, kept: sampled.kept },
        );
        const values = (await scored.data()) as Float32Array;
        scored.dispose();
        const mask = tokenMask(sampled.completion);
        const worst = values.reduce(
          (most, value, i) =>
            Math.max(most, Math.abs(value - (sampled.behaviourLogProbs[i] as number)) * (mask[i] as number)),
          0,
        );
        expect(worst).toBeLessThan(1e-4);
        // Not vacuous: the tokens are far from certain.
        expect(Math.min(...sampled.behaviourLogProbs)).toBeLessThan(-0.5);
      });
    }
  }

  it('with conditional guidance trains the conditional branch and reports the gap', async () => {
    const rollout = biLevelRollout<{ word: number }, TokenContext>({
      policy: model,
      semantic: {
        space: 'text',
        sampling: { maxTokens: 5 },
        context: ({ word }) => ({ ids: Int32Array.of(1, word, END) }),
      },
      token: {
        space: 'image',
        sampling: { guidance: { scale: 4, logProbs: 'conditional' } },
        context: ({ word }, plan) => ({ ids: Int32Array.of(1, word, END, ...plan.ids, IMAGE) }),
      },
      imagesPerPlan: 2,
    });
    const before = tf.memory().numTensors;
    for await (const { metrics, rollout: made } of train({
      policy: model,
      rollout,
      reward: rewardEnsemble({
        low: async (samples) => samples.map(({ tokens }) => score(-(tokens.token?.[0] ?? 0))),
      }),
      prompts: [{ word: 5 }, { word: 6 }],
      steps: 2,
      groupSize: 4,
      promptsPerStep: 2,
      learningRate: 1e-3,
      objective: t2iR1(),
      microBatch: 4,
      seed: 1,
    })) {
      for (const level of ['semantic', 'token']) {
        expect(metrics.levels[level]?.maxRatioDeviation).toBeLessThan(1e-4);
        expect(Number.isFinite(metrics.levels[level]?.kl)).toBe(true);
      }
      expect(Math.abs(metrics.levels.token?.guidanceGap ?? 0)).toBeGreaterThan(0.01);
      expect(metrics.levels.semantic?.guidanceGap).toBe(0);
      expect(made.levels.map(({ samplesPerRow }) => samplesPerRow)).toEqual([2, 1]);
      const token = made.levels[1];
      if (!token) throw new Error('a bi-level rollout has two levels');
      levelLogProbs(token).dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});
