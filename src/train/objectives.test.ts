/** What the objective's options do to a training run. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { identityPolicy, shownToken } from '../../test/support/identity-policy.js';
import { smallTransformer } from '../../test/support/small-transformer.js';
import { adaptiveEntropy, adaptiveKl } from '../objective/coefficient.js';
import { balanced, grpo, type ObjectiveOptions } from '../objective/presets.js';
import { clipped } from '../objective/surrogates/clipped.js';
import type { Policy, TokenContext } from '../policy/policy.js';
import { freezeReference } from '../policy/reference.js';
import { type RewardFunction, score } from '../rewards/reward.js';
import { biLevelRollout } from '../rollout/bi-level.js';
import { oneLevelRollout } from '../rollout/one-level.js';
import { withoutTiming } from './metrics.js';
import { adamW } from './optimizer.js';
import type { TrainOptions } from './options.js';
import type { TrainStep } from './step.js';
import { train } from './train.js';

type Options = TrainOptions<number, TokenContext>;
type Step = TrainStep<number, TokenContext>;

const V = 4;
const echo: RewardFunction<number> = async (samples) =>
  samples.map(({ prompt, tokens }) => score(tokens.token?.[0] === prompt ? 1 : 0));

function setup(objective: ObjectiveOptions, changes: Partial<Options> = {}): Options {
  const policy = changes.policy ?? identityPolicy({ vocabulary: V });
  return {
    policy,
    rollout: oneLevelRollout({ policy, space: 'image', sampling: {}, context: shownToken }),
    reward: echo,
    prompts: [0, 1, 2, 3],
    steps: 4,
    objective: grpo(objective),
    groupSize: 4,
    promptsPerStep: 2,
    learningRate: 0.05,
    seed: 3,
    ...changes,
  };
}

async function stepsOf(options: Options): Promise<Step[]> {
  const steps: Step[] = [];
  for await (const step of train(options)) steps.push(step);
  return steps;
}

const weightsOf = async (policy: Policy<TokenContext>) =>
  Promise.all(Object.values(policy.variables).map(async (variable) => [...(await variable.data())]));

/** Only prompts 2 and 3 can be told apart by the reward. */
const halfFlat: RewardFunction<number> = async (samples) =>
  samples.map((sample) => score(sample.prompt < 2 ? 0.5 : sample.index % 3));

describe('groups without spread', () => {
  it('dropped are as if they had not been sampled, KL penalty included', async () => {
    const reference = identityPolicy({ vocabulary: V, seed: 9 });
    const run = async (zeroVariance: 'keep' | 'drop', prompts: number[]) => {
      const options = setup(
        { zeroVariance, klWeight: 0.5 },
        {
          ...{ reward: halfFlat, prompts, promptsPerStep: prompts.length, steps: 1 },
          reference: freezeReference(reference as never),
          // Prompt 0 and 1 have other random numbers than 2 and 3, whose ids are their places.
          rollout: async (request) => {
            const { policy } = options;
            const inner = oneLevelRollout({ policy, space: 'image', sampling: {}, context: shownToken });
            return inner({ ...request, promptIds: request.prompts });
          },
        },
      );
      // The policy is its own stranger: a reference with other weights.
      const own = { ...options, reference: { ...freezeReference(options.policy), ...withPolicy(reference) } };
      const [step] = await stepsOf(own as Options);
      return { step: step as Step, weights: await weightsOf(options.policy) };
    };
    const dropped = await run('drop', [0, 1, 2, 3]);
    const alone = await run('keep', [2, 3]);
    const kept = await run('keep', [0, 1, 2, 3]);
    expect(dropped.step.metrics.advantages.zeroVarianceFraction).toBe(0.5);
    expect(dropped.step.rollout.samples).toHaveLength(16);
    expect(dropped.step.metrics.levels.token?.tokens).toBe(16);
    for (const [i, values] of dropped.weights.entries()) {
      expect(values).toBeAllclose(alone.weights[i] as number[], 1e-6);
    }
    expect(kept.weights[0]).not.toBeAllclose(alone.weights[0] as number[], 1e-3);
  });

  it('that are all there is leave the weights alone', async () => {
    const reward: RewardFunction<number> = async (samples) => samples.map(() => score(1));
    for (const zeroVariance of ['drop', { resample: 1 }] as const) {
      const options = setup({ zeroVariance, klWeight: 0.1 }, { reward, steps: 1 });
      const before = await weightsOf(options.policy);
      const [step] = await stepsOf(options);
      expect(step?.metrics.gradNorm).toBe(0);
      expect(step?.metrics.levels.token?.trained).toBe(false);
      expect(step?.metrics.levels.token?.entropy).toBeGreaterThan(0);
      expect(await weightsOf(options.policy)).toEqual(before);
    }
  });

  it('without KL on them are not pulled, where they are kept', async () => {
    const reward: RewardFunction<number> = async (samples) => samples.map(() => score(1));
    const run = async (zeroVarianceKl: boolean) => {
      const policy = identityPolicy({ vocabulary: V });
      const stranger = withPolicy(identityPolicy({ vocabulary: V, seed: 9 }));
      const options = setup({ klWeight: 0.5, zeroVarianceKl }, { policy, reward, steps: 1 });
      const [step] = await stepsOf({
        ...options,
        reference: { ...freezeReference(policy), ...stranger },
      } as Options);
      return (step as Step).metrics.gradNorm;
    };
    expect(await run(true)).toBeGreaterThan(1e-4);
    expect(await run(false)).toBe(0);
  });

  it('are replaced by other prompts, as often as is allowed', async () => {
    const asked: (readonly [number, unknown][])[] = [];
    const options = (rounds: number, prompts: number[]): Options => {
      const base = setup({ zeroVariance: { resample: rounds } }, { reward: halfFlat, prompts, steps: 1 });
      return {
        ...base,
        rollout: async (request) => {
          asked.push(request.prompts.map((prompt, i) => [prompt, request.promptIds[i]]));
          return base.rollout(request);
        },
      };
    };
    const prompts = [0, 1, 0, 1, 0, 1, 3, 2];
    const [first] = await stepsOf(options(3, prompts));
    const informative = (step: Step | undefined) =>
      step?.advantages.filter((advantage) => advantage !== 0).length;
    expect(asked.length).toBeGreaterThan(1);
    const ids = asked.flat().map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(first?.metrics.advantages.resampled).toBe(ids.length - 2);
    expect(first?.rollout.prompts).toEqual(asked.flat().map(([prompt]) => prompt));
    expect(first?.rewards.table.rows).toBe(ids.length * 4);
    // The same again, to the last bit.
    const before = asked.splice(0);
    const [again] = await stepsOf(options(3, prompts));
    expect(asked).toEqual(before);
    expect(again?.advantages).toEqual(first?.advantages);
    // Never more rounds than allowed, where no prompt ever helps.
    asked.length = 0;
    const [hopeless] = await stepsOf(options(2, [0, 1]));
    expect(asked).toHaveLength(3);
    expect(informative(hopeless)).toBe(0);
    const distinct = asked.flat().map(([, id]) => id);
    expect(new Set(distinct).size).toBe(distinct.length);
  });
});

/** Scores by another policy. */
function withPolicy(other: Policy) {
  return { run: <R>(scored: (policy: Policy) => R): R => scored(other) };
}

describe('adaptive coefficients', () => {
  it('follow what is measured, level by level, and are resumed bit for bit', async () => {
    const objective: ObjectiveOptions = {
      klWeight: adaptiveKl({ initial: 0.05, target: 1e-6, horizon: 2 }),
      entropyWeight: adaptiveEntropy({ target: 10, initial: 0.01, delta: 0.02 }),
    };
    const whole = await stepsOf(setup(objective, { steps: 6 }));
    const seen = whole.map(
      ({ metrics }) => metrics.levels.token as NonNullable<(typeof metrics.levels)[string]>,
    );
    expect(seen[0]).toMatchObject({ klWeight: 0.05, entropyWeight: 0 });
    // The policy leaves the reference, so β rises, after a step at KL 0 where it falls.
    expect(seen[1]?.klWeight).toBeCloseTo(0.05 * 0.9, 9);
    expect(seen[3]?.klWeight).toBeGreaterThan(seen[2]?.klWeight as number);
    expect(seen[1]?.entropyWeight).toBeCloseTo(0.03, 9);
    expect(seen[2]?.entropyWeight).toBeCloseTo(0.05, 9);

    const parts = setup(objective);
    const reference = freezeReference(parts.policy);
    const optimizer = adamW();
    const first = await stepsOf({ ...parts, reference, optimizer, steps: 3 });
    const coefficients = JSON.parse(JSON.stringify(first.at(-1)?.coefficients));
    const second = await stepsOf({ ...parts, reference, optimizer, coefficients, startStep: 3, steps: 6 });
    const untimed = (steps: Step[]) => steps.map(({ metrics }) => JSON.stringify(withoutTiming(metrics)));
    expect(untimed([...first, ...second])).toEqual(untimed(whole));
  });
});

describe('the entropy bonus', () => {
  it('keeps a level undecided', async () => {
    const entropyAfter = async (entropyWeight: number) => {
      const steps = await stepsOf(setup({ entropyWeight, klWeight: 0 }, { steps: 25, promptsPerStep: 4 }));
      return steps.at(-1)?.metrics.levels.token?.entropy as number;
    };
    const [without, withBonus] = [await entropyAfter(0), await entropyAfter(2)];
    expect(without).toBeLessThan(0.6);
    expect(withBonus).toBeGreaterThan(without + 0.4);
  });

  it('needs no reward to act', async () => {
    const reward: RewardFunction<number> = async (samples) => samples.map(() => score(1));
    const [step] = await stepsOf(setup({ entropyWeight: 0.1, klWeight: 0 }, { reward, steps: 1 }));
    expect(step?.metrics.levels.token?.trained).toBe(true);
    expect(step?.metrics.gradNorm).toBeGreaterThan(0);
  });
});

describe('everything at once, with the transformer', () => {
  it('gives the same update for any micro-batch, leaks nothing and stays finite', async () => {
    const policy = await smallTransformer();
    const rollout = biLevelRollout<number, TokenContext>({
      policy,
      semantic: {
        space: 'text',
        sampling: { maxTokens: 6, topP: 0.9, recordKept: true },
        context: (word) => ({ ids: Int32Array.of(1, 5 + word, 2) }),
      },
      token: {
        space: 'image',
        sampling: { guidance: { scale: 2, logProbs: 'conditional' } },
        context: (word, plan) => ({ ids: Int32Array.of(1, 5 + word, ...plan.ids, 3) }),
      },
      imagesPerPlan: 2,
    });
    const objective = balanced({
      ratio: 'sequence',
      surrogate: clipped({ low: 0.2, high: 0.3, delta: 2 }),
      klWeight: adaptiveKl({ initial: 0.05, target: 0.1 }),
      klImportance: true,
      entropyWeight: 0.01,
      topEntropyShare: 0.6,
      offPolicyThreshold: 2,
      baseline: 'leave-one-out',
      advantageClip: 2,
      zeroVariance: 'drop',
      levels: {
        // Sampled under guidance, trained without: weighed by how probable the samples are without.
        token: { importance: { level: 'token', mode: 'truncate', max: 3 }, normalizer: 'max-length' },
      },
    });
    const reward: RewardFunction<number> = async (samples) =>
      samples.map(({ tokens }) => score([...(tokens.token ?? [])].reduce((sum, id) => sum + id, 0)));
    const start = await weightsOf(policy);
    const results: number[][] = [];
    for (const microBatch of [3, 16]) {
      Object.values(policy.variables).forEach((variable, i) => {
        tf.tidy(() => variable.assign(tf.tensor(start[i] as number[], variable.shape)));
      });
      const before = tf.memory().numTensors;
      const options = { policy, rollout, reward, objective, microBatch, prompts: [0, 1, 2], steps: 2 };
      const steps = await stepsOf({
        ...options,
        ...{ groupSize: 4, promptsPerStep: 2, learningRate: 1e-3, updatesPerRollout: 2 },
      });
      expect(tf.memory().numTensors).toBe(before);
      for (const { metrics } of steps) {
        for (const level of ['semantic', 'token']) {
          expect(metrics.levels[level]).toMatchObject({ trained: true, entropyWeight: 0.01 });
          expect(metrics.levels[level]?.gradNorm).toBeGreaterThan(0);
          expect(Number.isFinite(metrics.loss)).toBe(true);
        }
      }
      results.push((await weightsOf(policy)).flat());
    }
    expect(results[0]).toBeAllclose(results[1] as number[], 1e-4);
    policy.dispose();
  });
});
