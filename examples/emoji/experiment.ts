import {
  abstain,
  biLevelRollout,
  type EnsembleMember,
  type EvaluatedSample,
  type Evaluation,
  failure,
  type GuidanceOptions,
  type Measures,
  type Policy,
  type PromptRow,
  type RewardEnsemble,
  type RewardFunction,
  type RgbImage,
  type RolloutFunction,
  rewardEnsemble,
  score,
  shuffled,
  type TokenContext,
  uniformStream,
} from 'bicot';
import type { Atlas } from './atlas.js';
import { REWARD_WEIGHTS, type RewardWeights } from './choose-rewards.js';
import { TASK_TYPES } from './forms.js';
import { createJudge } from './judge.js';
import { type EmojiContexts, semanticContext, tokenContext } from './model.js';
import { PLAN_TOKENS } from './plan.js';
import { type RewardName, worldRewards } from './rewards.js';

export { REWARD_WEIGHTS } from './choose-rewards.js';

/** How one level is sampled. */
export interface LevelSampling {
  /** Divides the logits. Default 1. */
  readonly temperature?: number;
  /** The smallest set of tokens whose probability reaches this is sampled from. Default 1: all tokens. */
  readonly topP?: number;
  /** Classifier-free guidance. Default: none. */
  readonly guidance?: GuidanceOptions;
}

/** How both levels are sampled. */
export interface EmojiSampling {
  /** The plan's words, `PLAN_TOKENS` at most. */
  readonly semantic: LevelSampling;
  /** The picture's patches. */
  readonly token: LevelSampling;
}

/** Plan, then picture: the rollout of this world. */
export function emojiRollout(
  policy: Policy<TokenContext>,
  { semantic, token }: EmojiSampling,
  contexts: EmojiContexts = { semantic: semanticContext, token: tokenContext },
): RolloutFunction<PromptRow, TokenContext> {
  return biLevelRollout<PromptRow, TokenContext>({
    policy,
    semantic: {
      space: 'text',
      sampling: { ...semantic, maxTokens: PLAN_TOKENS },
      context: contexts.semantic,
    },
    token: { space: 'image', sampling: token, context: contexts.token },
  });
}

/**
 * The trained ensemble, and the judge that only watches.
 * @param weights what is trained on, in this order; default the demo's rewards
 */
export function emojiRewards(
  atlas: Atlas,
  weights: RewardWeights = REWARD_WEIGHTS,
): RewardEnsemble<PromptRow> {
  const judge = createJudge(atlas);
  return rewardEnsemble<PromptRow>({
    ...weightedRewards(atlas, weights),
    judge: {
      monitor: true,
      reward: verdictReward((prompt, image) => (judge.judgeSample(prompt, image) ? 1 : 0)),
    },
  });
}

/** The rewards that count, as members of an ensemble. */
export function weightedRewards(
  atlas: Atlas,
  weights: RewardWeights,
): Readonly<Record<string, EnsembleMember<PromptRow>>> {
  const rewards = worldRewards(atlas);
  const entries = Object.entries(weights) as [RewardName, number][];
  return Object.fromEntries(
    entries.map(([name, weight]) => [name, { reward: rewards[name], weight }] as const),
  );
}

/** What somebody thinks of each picture, as a reward. */
export function verdictReward(
  verdict: (prompt: PromptRow, image: RgbImage) => number,
): RewardFunction<PromptRow> {
  return async (samples) =>
    samples.map(({ prompt, image }) =>
      image ? score(verdict(prompt, image)) : failure('the rollout decodes no pictures'),
    );
}

/**
 * The control: the same rewards, handed to the wrong samples of each group. Training on it must teach nothing; what
 * it gains, the measurement invents.
 */
export function shuffledRewards(reward: RewardFunction<PromptRow>, seed: number): RewardFunction<PromptRow> {
  let call = 0;
  return async (samples) => {
    const results = await reward(samples);
    const stream = uniformStream(seed, 'shuffled rewards', call++);
    const groups = new Map<number, number[]>();
    samples.forEach(({ group }, i) => void groups.set(group, [...(groups.get(group) ?? []), i]));
    const given = [...results];
    for (const members of groups.values()) {
      shuffled(members, stream).forEach((from, i) => {
        given[members[i] as number] = results[from] as (typeof given)[number];
      });
    }
    return given;
  };
}

/** Means of an evaluation, 0 to 100. */
export interface EmojiScores {
  /** Mean trained reward: of each sample, the weighted mean of the rewards that spoke. */
  readonly overall: number;
  /** The same of each kind of prompts, by `task_type`; kinds without a sample are absent. */
  readonly byTask: Readonly<Record<string, number>>;
  /** Share of samples that the held-out judge accepts. */
  readonly judge: number;
  /** The judge's share of each kind of prompts, by `task_type`. */
  readonly judgeByTask: Readonly<Record<string, number>>;
}

/** The weighted mean of the rewards that spoke about a sample: 1 for a perfect picture, whatever the task. */
function rewardOf({ results }: EvaluatedSample<PromptRow>, weights: RewardWeights): number {
  let [sum, total] = [0, 0];
  for (const [name, weight] of Object.entries(weights)) {
    const result = results[name];
    if (result?.kind !== 'score') continue;
    sum += weight * result.value;
    total += weight;
  }
  return sum / total;
}

/**
 * What the demo compares before and after: the judge, and the trained reward as in `EmojiScores`.
 * @param weights what was trained on
 */
export function emojiMeasures(weights: RewardWeights): Measures<PromptRow> {
  return {
    judge: ({ results }) => results.judge ?? failure('nobody asked the judge'),
    reward: (sample) => {
      const value = rewardOf(sample, weights);
      return Number.isNaN(value) ? abstain('no reward spoke') : score(value);
    },
  };
}

const percent = (values: readonly number[]): number =>
  Math.round((values.reduce((sum, value) => sum + value, 0) / values.length) * 10_000) / 100;

/**
 * Sums an evaluation up.
 * @param weights what was trained on; default the demo's rewards
 */
export function emojiScores(
  { samples }: Evaluation<PromptRow>,
  weights: RewardWeights = REWARD_WEIGHTS,
): EmojiScores {
  const reward = (sample: EvaluatedSample<PromptRow>): number => rewardOf(sample, weights);
  const judged = ({ results }: EvaluatedSample<PromptRow>): number =>
    results.judge?.kind === 'score' ? results.judge.value : Number.NaN;
  const byTask = (value: (sample: EvaluatedSample<PromptRow>) => number): Record<string, number> =>
    Object.fromEntries(
      TASK_TYPES.map(
        (task) => [task, samples.filter(({ sample }) => sample.prompt.task_type === task)] as const,
      )
        .filter(([, ofTask]) => ofTask.length > 0)
        .map(([task, ofTask]) => [task, percent(ofTask.map(value))]),
    );
  return {
    overall: percent(samples.map(reward)),
    byTask: byTask(reward),
    judge: percent(samples.map(judged)),
    judgeByTask: byTask(judged),
  };
}
