/** What every executor must do, whoever computes: in this thread, in threads, over a queue. */
import * as tf from '@tensorflow/tfjs';
import {
  balanced,
  type Executor,
  type ExecutorSource,
  evaluate,
  freezeReference,
  levelBatches,
  levelLogProbs,
  oneLevelRollout,
  type Policy,
  policyReference,
  type StepMetrics,
  sampleCompletions,
  type TokenContext,
  train,
  uniformStream,
  withoutTiming,
} from 'bicot';
import { exportWeights, type TransformerPolicy } from 'bicot/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parityReward, prompt, smallTask } from './small-task.js';
import { smallTransformer } from './small-transformer.js';

const objective = balanced({ klWeight: 0.05, entropyWeight: 0.01 });

async function trained(executor?: ExecutorSource) {
  const policy = await smallTransformer();
  const metrics: StepMetrics[] = [];
  const options = { ...smallTask(policy), objective, learningRate: 1e-2, steps: 2 };
  for await (const step of train({ ...options, ...(executor && { executor }) })) {
    metrics.push(withoutTiming(step.metrics) as StepMetrics);
  }
  const weights = await exportWeights(policy.variables);
  policy.dispose();
  return { metrics, weights };
}

/** The same suite for each source of executors. @param source asked once for each executor */
export function executorConformance(name: string, source: () => ExecutorSource): void {
  describe(`${name}, as an executor`, () => {
    let policy: TransformerPolicy;
    let executor: Executor<TokenContext>;
    beforeAll(async () => {
      policy = await smallTransformer();
      executor = await source().start(policy as Policy<TokenContext>);
    }, 120_000);
    afterAll(async () => {
      await executor.dispose();
      policy.dispose();
    });
    const request = (signal?: AbortSignal) => ({
      contexts: [prompt(4), prompt(5), prompt(6)],
      samplesPerContext: 2,
      ...{ space: 'text', sampling: { maxTokens: 6, temperature: 8 }, signal },
      streams: (row: number) => uniformStream('conformance', row),
    });
    const rollout = () =>
      oneLevelRollout<number, TokenContext>({
        ...{ policy, space: 'image', sampling: {}, context: (word) => prompt(word) },
      });

    it('says whose it is and what it does', () => {
      expect(executor.policy).toBe(policy);
      expect(executor.workers).toBeGreaterThanOrEqual(1);
      expect(executor.tasks).toEqual(expect.arrayContaining(['sample', 'score', 'gradients']));
    });

    it('samples what this thread samples, to the bit, with the weights of the moment', async () => {
      const { sample } = executor;
      for (const factor of [1, 1.25]) {
        tf.tidy(() => policy.variables.textHead?.assign(tf.mul(policy.variables.textHead, factor)));
        expect(await sample(policy, request())).toEqual(await sampleCompletions(policy, request()));
      }
    });

    it('samples a policy that is not its own in this thread', async () => {
      const other = await smallTransformer();
      expect(await executor.sample(other, request())).toEqual(await sampleCompletions(other, request()));
      other.dispose();
    });

    it('scores and differentiates as this thread does, and leaks nothing', async () => {
      const made = await rollout()({
        ...{ prompts: [4, 5], promptIds: [4, 5], groupSize: 2, step: 0, seed: 0, sample: executor.sample },
      });
      const [batch] = levelBatches(
        policy,
        made,
        Float32Array.of(1, -1, 0.5, -0.5),
        balanced({ klWeight: 0 }),
      );
      const terms = batch as NonNullable<typeof batch>;
      const scored = levelLogProbs(terms.level);
      const here = (await scored.data()) as Float32Array;
      scored.dispose();
      const reference = freezeReference(policy);
      // Replicas of a test may live in this thread, and take weights over when they are first asked.
      await executor.score(terms.level, { reference });
      await executor.gradients(terms);
      const before = tf.memory().numTensors;
      expect(await executor.score(terms.level)).toEqual(here);
      expect(await executor.score(terms.level, { reference })).toEqual(here);
      const pass = await executor.gradients(terms);
      expect(Object.keys(pass.gradients).length).toBeGreaterThan(5);
      expect(pass.logProbs).toEqual(here);
      expect(Number.isFinite(pass.loss)).toBe(true);
      const again = await executor.gradients(terms);
      expect(again).toEqual({ ...pass, release: expect.any(Function) });
      pass.release();
      pass.release();
      expect(tf.memory().numTensors).toBe(before);
      reference.dispose();
    });

    it('refuses levels and references of another policy', async () => {
      const other = await smallTransformer();
      const made = await oneLevelRollout<number, TokenContext>({
        ...{ policy: other, space: 'image', sampling: {}, context: (word) => prompt(word) },
      })({ prompts: [4], promptIds: [4], groupSize: 2, step: 0, seed: 0 });
      const [batch] = levelBatches(other, made, Float32Array.of(1, -1), balanced({ klWeight: 0 }));
      const terms = batch as NonNullable<typeof batch>;
      await expect(executor.score(terms.level)).rejects.toMatchObject({ code: 'unsupported' });
      await expect(executor.gradients(terms)).rejects.toMatchObject({ code: 'unsupported' });
      const own = { ...terms.level, policy: policy as Policy<TokenContext> };
      const reference = policyReference(other as Policy<TokenContext>);
      await expect(executor.score(own, { reference })).rejects.toMatchObject({ code: 'unsupported' });
      other.dispose();
    });

    it('stops when it is aborted, and goes on with the next task', async () => {
      await expect(executor.sample(policy, request(AbortSignal.abort()))).rejects.toMatchObject({
        code: 'aborted',
      });
      const abort = new AbortController();
      const under = executor.sample(policy, request(abort.signal));
      abort.abort();
      await expect(under).rejects.toMatchObject({ code: 'aborted' });
      expect(await executor.sample(policy, request())).toEqual(await sampleCompletions(policy, request()));
    });

    it('throws what a task throws, with its code', async () => {
      const wrong = { ...request(), contexts: [prompt(999)] };
      const here = await sampleCompletions(policy, wrong).catch((error: Error) => error);
      await expect(executor.sample(policy, wrong)).rejects.toMatchObject({
        ...{ code: (here as { code?: string }).code, message: (here as Error).message },
      });
    });

    it('evaluates as this thread does', async () => {
      const options = { rollout: rollout(), reward: parityReward, prompts: [4, 5], samplesPerPrompt: 2 };
      const here = await evaluate(options);
      expect(await evaluate({ ...options, executor })).toEqual({ ...here, seconds: expect.any(Number) });
    });
  });

  it(`${name} trains to the bits of a training without an executor`, { timeout: 240_000 }, async () => {
    expect(await trained(source())).toEqual(await trained());
  });
}
