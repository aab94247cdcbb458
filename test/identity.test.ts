import { describe, expect, it } from 'vitest';
import { dppo } from '../examples/objectives/dppo.js';
import { gmpo } from '../examples/objectives/gmpo.js';
import { luspo } from '../examples/objectives/luspo.js';
import { vespo } from '../examples/objectives/vespo.js';
import type { Objective } from '../src/objective/objective.js';
import { balanced, bnpo, cispo, dapo, drGrpo, grpo, gspo, sapo, t2iR1 } from '../src/objective/presets.js';
import type { Policy } from '../src/policy/policy.js';
import { type RewardFunction, score } from '../src/rewards/reward.js';
import { biLevelRollout } from '../src/rollout/bi-level.js';
import { oneLevelRollout } from '../src/rollout/one-level.js';
import { evaluate } from '../src/train/evaluate.js';
import { train } from '../src/train/train.js';
import { identityPolicy, shownToken } from './support/identity-policy.js';

/** 1 where a level's first token is the one that was shown. */
const echo =
  (level: string): RewardFunction<number> =>
  async (samples) =>
    samples.map(({ prompt, tokens }) => score(tokens[level]?.[0] === prompt ? 1 : 0));

const oneLevel = (policy: Policy) =>
  oneLevelRollout<number, { ids: Int32Array }>({
    policy,
    space: 'image',
    sampling: {},
    context: shownToken,
  });

/** The plan is one token, and all that the image sees. */
const biLevel = (policy: Policy) =>
  biLevelRollout<number, { ids: Int32Array }>({
    policy,
    semantic: { space: 'text', sampling: { maxTokens: 1 }, context: shownToken },
    token: { space: 'image', sampling: {}, context: (_, plan) => shownToken(plan.ids[0] as number) },
  });

const tokens = (vocabulary: number) => Array.from({ length: vocabulary }, (_, token) => token);

describe('the identity task: emit the token that is shown', () => {
  const steps = 40;
  it.each([[0], [1], [2]])(`GRPO learns it to 95 percent within ${steps} steps, seed %i`, async (seed) => {
    const policy = identityPolicy({ vocabulary: 8, seed });
    const rollout = oneLevel(policy);
    const task = { rollout, reward: echo('token'), prompts: tokens(8) };
    const measure = async () => (await evaluate({ ...task, samplesPerPrompt: 50, seed: 99 })).total.mean;
    expect(await measure()).toBeLessThan(0.3);
    const run = train({
      ...task,
      policy,
      steps,
      objective: grpo({ klWeight: 0 }),
      learningRate: 0.1,
      seed,
    });
    for await (const _ of run);
    expect(await measure()).toBeGreaterThanOrEqual(0.95);
    policy.dispose();
  });
});

describe('every objective learns the identity task, with two updates for each rollout', () => {
  const objectives: [string, Objective][] = [
    ...[t2iR1, balanced, grpo, bnpo, drGrpo, dapo, cispo, sapo, gspo, gmpo, vespo, dppo, luspo].map(
      (preset): [string, Objective] => [preset.name, preset()],
    ),
    ['gspo, token by token', gspo({ ratio: 'sequence-token' })],
    ['grpo, leave-one-out', grpo({ klWeight: 0, baseline: 'leave-one-out', scale: 'none' })],
  ];
  it.each(objectives)('%s', async (_, objective) => {
    const policy = identityPolicy({ vocabulary: 6, seed: 1 });
    const rollout = oneLevel(policy);
    const task = { rollout, reward: echo('token'), prompts: tokens(6) };
    const run = train({
      ...task,
      ...{ policy, objective, steps: 40, learningRate: 0.05, seed: 1, updatesPerRollout: 2 },
    });
    for await (const { metrics } of run) expect(metrics.levels.token?.maxRatioDeviation).toBeLessThan(1e-4);
    const { total } = await evaluate({ ...task, samplesPerPrompt: 50, seed: 99 });
    expect(total.mean).toBeGreaterThanOrEqual(0.9);
    policy.dispose();
  });
});

describe('the identity task in two levels: the plan must name the token, the image must follow the plan', () => {
  const steps = 80;
  it.each([[0], [1], [2]])(
    `BiCoT-GRPO with the paper's objective learns it to 95 percent within ${steps} steps, seed %i`,
    async (seed) => {
      const policy = identityPolicy({ vocabulary: 6, seed });
      const reward: RewardFunction<number> = async (samples) =>
        samples.map(({ prompt, tokens: { semantic, token } }) =>
          score(((semantic?.[0] === prompt ? 1 : 0) + (token?.[0] === prompt ? 1 : 0)) / 2),
        );
      const rollout = biLevel(policy);
      const run = train({
        policy,
        rollout,
        reward,
        prompts: tokens(6),
        promptsPerStep: 6,
        steps,
        objective: t2iR1(),
        learningRate: 0.03,
        microBatch: 48,
        seed,
      });
      for await (const { metrics } of run) {
        expect(
          Number.isFinite(metrics.levels.semantic?.kl) && Number.isFinite(metrics.levels.token?.kl),
        ).toBe(true);
      }
      for (const level of ['semantic', 'token']) {
        const { total } = await evaluate({
          rollout,
          reward: echo(level),
          prompts: tokens(6),
          samplesPerPrompt: 50,
        });
        expect(total.mean).toBeGreaterThanOrEqual(0.95);
      }
      policy.dispose();
    },
  );
});
