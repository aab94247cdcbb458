import { type CombinedRewards, combineRewards } from '../objective/combine.js';
import { resampleRounds } from '../objective/zero-variance.js';
import { concatEnsembleResults } from '../rewards/concat.js';
import { type EnsembleResult, evaluateReward } from '../rewards/ensemble.js';
import { concatRollouts } from '../rollout/groups.js';
import type { Rollout } from '../rollout/types.js';
import type { SampleFunction } from '../sampling/sampler.js';
import { assertOwnLevel } from './levels.js';
import type { TrainSettings } from './options.js';
import { otherPrompts, type PromptBatch, promptBatch } from './prompts.js';

/** What a step has sampled, and what the rewards say about it. */
export interface Collected<P, C> {
  readonly rollout: Rollout<P, C>;
  readonly rewards: EnsembleResult;
  readonly combined: CombinedRewards;
  /** Groups that were sampled in place of flat ones. */
  readonly resampled: number;
}

/**
 * Rolls out and rewards a step's prompts; with `zeroVariance: { resample }` also other prompts in place of those whose
 * groups are flat, until the step has its prompts or its rounds are used up.
 * @param enter says which phase begins
 * @param sampler who samples; default this thread
 */
export async function collect<P, C>(
  settings: TrainSettings<P, C>,
  step: number,
  enter: (phase: 'rollout' | 'reward') => void,
  sampler?: SampleFunction,
): Promise<Collected<P, C>> {
  const { objective, prompts, promptsPerStep, seed } = settings;
  const rounds = resampleRounds(objective.advantages.zeroVariance);
  const first = promptBatch(prompts, promptsPerStep, seed, step);
  const promptIds = [...first.promptIds];
  type Part = Awaited<ReturnType<typeof sample<P, C>>>;
  const parts: [Part, ...Part[]] = [await sample(settings, step, first, enter, sampler)];
  let informative = countInformative(settings, parts[0].rewards);
  for (let round = 0; round < rounds && informative < promptsPerStep; round++) {
    const missing = promptsPerStep - informative;
    const others = otherPrompts(prompts, missing, promptIds, seed, step);
    promptIds.push(...others.promptIds);
    const part = await sample(settings, step, others, enter, sampler);
    parts.push(part);
    informative += countInformative(settings, part.rewards);
  }
  const [{ rewards: firstRewards }, ...later] = parts;
  const rewards = concatEnsembleResults([firstRewards, ...later.map((part) => part.rewards)]);
  return {
    rollout: concatRollouts(parts.map(({ rollout }) => rollout)),
    rewards,
    combined: combine(settings, rewards),
    resampled: promptIds.length - promptsPerStep,
  };
}

async function sample<P, C>(
  settings: TrainSettings<P, C>,
  step: number,
  batch: PromptBatch<P>,
  enter: (phase: 'rollout' | 'reward') => void,
  sampler: SampleFunction | undefined,
): Promise<{ rollout: Rollout<P, C>; rewards: EnsembleResult }> {
  const { policy, groupSize, seed, signal, onProgress } = settings;
  enter('rollout');
  const rollout = await settings.rollout({
    ...batch,
    groupSize,
    step,
    seed,
    signal,
    onProgress: onProgress && ((detail) => onProgress({ step, phase: 'rollout', detail })),
    ...(sampler && { sample: sampler }),
  });
  // Before anyone pays for rewards.
  assertOwnLevel(`train: step ${step}`, policy, rollout);
  enter('reward');
  return { rollout, rewards: await evaluateReward(settings.reward, rollout.samples) };
}

/** The advantages that training makes of what an ensemble said. */
export function combine<P, C>(
  { objective, groupSize }: Pick<TrainSettings<P, C>, 'objective' | 'groupSize'>,
  { table, weights, aggregation, abstention }: EnsembleResult,
): CombinedRewards {
  const { scale, epsilon, baseline, clip } = objective.advantages;
  return combineRewards(table, {
    ...{ scale, epsilon, baseline, clip },
    ...{ weights, aggregation, abstention, groupSize },
  });
}

/** Groups that have something to teach. */
function countInformative<P, C>(settings: TrainSettings<P, C>, rewards: EnsembleResult): number {
  return combine(settings, rewards).flat.filter((flat) => !flat).length;
}
