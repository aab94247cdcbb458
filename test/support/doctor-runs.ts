/** Training runs that are in order, for the doctor's tests. */
import { balanced, grpo, t2iR1 } from '../../src/objective/presets.js';
import type { SamplingOptions } from '../../src/policy/distribution.js';
import type { Policy, TokenContext } from '../../src/policy/policy.js';
import { rewardEnsemble } from '../../src/rewards/ensemble/ensemble.js';
import { type RewardFunction, type Sample, score } from '../../src/rewards/reward.js';
import { biLevelRollout } from '../../src/rollout/bi-level.js';
import { oneLevelRollout } from '../../src/rollout/one-level.js';
import type { RolloutFunction } from '../../src/rollout/request.js';
import type { LevelRollout } from '../../src/rollout/types.js';
import type { TrainOptions } from '../../src/train/options.js';
import { identityPolicy, shownToken } from './identity-policy.js';
import { END, IMAGE, smallTransformer } from './small-transformer.js';
import { context, TEXT, tabularPolicy } from './tabular-policy.js';

/** A run whose prompts are tokens. */
export type Run = TrainOptions<number, TokenContext>;
/** A policy that a test can free. */
export type OwnPolicy = Policy & { dispose(): void };

/** Part of a sample's tokens that are the prompt. */
export const matches: RewardFunction<number> = async (samples) =>
  samples.map((sample) => score(share(sample, (token) => token === sample.prompt)));

/** Part of a sample's tokens that are low. */
export const low: RewardFunction<number> = async (samples) =>
  samples.map((sample) => score(share(sample, (token) => token < 3)));

/** Part of a sample's tokens that are odd. */
export const odd: RewardFunction<number> = async (samples) =>
  samples.map((sample) => score(share(sample, (token) => token % 2 === 1)));

function share({ tokens }: Sample<number>, counts: (token: number) => boolean): number {
  const all = Object.values(tokens).flatMap((ids) => [...ids]);
  return all.filter(counts).length / all.length;
}

const SCALE = { groupSize: 8, promptsPerStep: 4, steps: 100, seed: 3 } as const;

/** One level: three image tokens, the one that is shown. */
export function oneLevelRun(policy: Policy = identityPolicy({ vocabulary: 6, length: 3 })): Run {
  const rollout = oneLevelRollout<number, TokenContext>({
    policy,
    space: 'image',
    sampling: {},
    context: shownToken,
  });
  const prompts = [0, 1, 2, 3, 4, 5];
  return {
    ...SCALE,
    ...{ policy, rollout, prompts, reward: matches, learningRate: 0.03 },
    objective: grpo(),
  };
}

/** Two levels, and the paper's objective. */
export function twoLevelRun(policy: Policy = identityPolicy({ vocabulary: 6, length: 3 })): Run {
  const rollout = biLevelRollout<number, TokenContext>({
    policy,
    semantic: { space: 'text', sampling: { maxTokens: 3 }, context: shownToken },
    token: { space: 'image', sampling: {}, context: (_, plan) => shownToken(plan.ids[0] as number) },
  });
  return { ...oneLevelRun(policy), rollout, objective: t2iR1() };
}

/** How a tabular run samples. */
export interface TabularRunOptions {
  readonly text?: SamplingOptions;
  readonly image?: SamplingOptions;
  readonly imagesPerPlan?: number;
}

/** Two levels with an end token, a cache and guidance. */
export function tabularRun(policy: Policy = tabularPolicy(), options: TabularRunOptions = {}): Run {
  const rollout = biLevelRollout<number, TokenContext>({
    policy,
    imagesPerPlan: options.imagesPerPlan,
    semantic: {
      space: 'text',
      sampling: { maxTokens: 8, ...options.text },
      context: (prompt) => context(prompt),
    },
    token: {
      space: 'image',
      sampling: { ...options.image },
      context: (prompt, plan) =>
        context(prompt, ...plan.ids.slice(0, 1).map((id) => Math.min(id, TEXT.size - 1))),
    },
  });
  return { ...oneLevelRun(policy), rollout, prompts: [1, 2, 3, 4, 5, 6], objective: balanced() };
}

/** Two rewards that count, and one that is watched. */
export function ensembleRun(policy: Policy = tabularPolicy(), factor = 1): Run {
  return {
    ...tabularRun(policy),
    reward: rewardEnsemble<number>({
      low: { reward: low, weight: factor },
      odd,
      judge: { reward: matches, monitor: true },
    }),
  };
}

/** The shipped transformer: top-p on plans and guidance on pictures, both trained exactly. */
export async function transformerRun(): Promise<Run & { policy: OwnPolicy }> {
  const policy = await smallTransformer();
  const rollout = biLevelRollout<number, TokenContext>({
    policy,
    semantic: {
      space: 'text',
      sampling: { maxTokens: 6, topP: 0.9, recordKept: true },
      context: (prompt) => ({
        ids: Int32Array.of(1, ...new Array<number>(1 + (prompt % 3)).fill(4 + prompt), END),
      }),
    },
    token: {
      space: 'image',
      sampling: { guidance: { scale: 2, logProbs: 'guided' } },
      context: (prompt, plan) => ({ ids: Int32Array.of(1, 4 + prompt, ...plan.ids, IMAGE) }),
    },
  });
  return { ...oneLevelRun(policy), policy, rollout, reward: low, objective: t2iR1(), learningRate: 1e-3 };
}

/** A rollout whose levels are not what they were. */
export function changedLevels(
  { rollout }: Run,
  change: (level: LevelRollout<TokenContext>) => LevelRollout<TokenContext>,
): RolloutFunction<number, TokenContext> {
  return async (request) => {
    const made = await rollout(request);
    return { ...made, levels: made.levels.map(change) };
  };
}
