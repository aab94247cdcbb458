import { type CombinedRewards, combineRewards } from '../objective/combine.js';
import { resampleRounds } from '../objective/zero-variance.js';
import type { Executor } from '../parallel/executor.js';
import { concatEnsembleResults } from '../rewards/ensemble/concat.js';
import { evaluateReward } from '../rewards/ensemble/ensemble.js';
import type { EnsembleResult } from '../rewards/ensemble/result.js';
import { concatRollouts } from '../rollout/groups.js';
import type { Rollout } from '../rollout/types.js';
import type { SampleFunction } from '../sampling/sampler.js';
import type { Phase } from './clock.js';
import { assertOwnLevel } from './levels.js';
import { meanwhile } from './meanwhile.js';
import type { TrainSettings } from './options.js';
import { otherPrompts, type PromptBatch, promptBatch } from './prompts.js';
import type { ReferenceScores } from './reference.js';

/** What a step has sampled, and what the rewards say about it. */
export interface Collected<P, C> {
  readonly rollout: Rollout<P, C>;
  readonly rewards: EnsembleResult;
  readonly combined: CombinedRewards;
  /** What was done beside the rewards, if anything. */
  readonly reference?: ReferenceScores;
  /** Groups that were sampled in place of flat ones. */
  readonly resampled: number;
}

/** How a step's samples are collected. */
export interface CollectContext<P, C> {
  /** Says which phase begins. */
  readonly enter: (phase: Phase) => void;
  /** Who samples; default this thread. */
  readonly sampler?: SampleFunction;
  /** Who computes rewards; default this thread. */
  readonly reward?: Executor<C>['reward'];
  /** Scores the reference while rewards are on their way, if it is sure that all that was sampled is trained on. */
  readonly reference?: (rollout: Rollout<P, C>, signal: AbortSignal) => Promise<ReferenceScores>;
}

/**
 * Rolls out and rewards a step's prompts; with `zeroVariance: { resample }` also other prompts in place of those whose
 * groups are flat, until the step has its prompts or its rounds are used up.
 */
export async function collect<P, C>(
  settings: TrainSettings<P, C>,
  step: number,
  { enter, sampler, reward, reference }: CollectContext<P, C>,
): Promise<Collected<P, C>> {
  const { objective, prompts, promptsPerStep, seed } = settings;
  const rounds = resampleRounds(objective.advantages.zeroVariance);
  const first = promptBatch(prompts, promptsPerStep, seed, step);
  const promptIds = [...first.promptIds];
  type Part = Awaited<ReturnType<typeof sample<P, C>>>;
  const work = { enter, sampler, reward, reference: rounds === 0 ? reference : undefined };
  const parts: [Part, ...Part[]] = [await sample(settings, step, first, work)];
  let informative = countInformative(settings, parts[0].rewards);
  for (let round = 0; round < rounds && informative < promptsPerStep; round++) {
    const missing = promptsPerStep - informative;
    const others = otherPrompts(prompts, missing, promptIds, seed, step);
    promptIds.push(...others.promptIds);
    const part = await sample(settings, step, others, work);
    parts.push(part);
    informative += countInformative(settings, part.rewards);
  }
  const [{ rewards: firstRewards, reference: scored }, ...later] = parts;
  const rewards = concatEnsembleResults([firstRewards, ...later.map((part) => part.rewards)]);
  return {
    rollout: concatRollouts(parts.map(({ rollout }) => rollout)),
    rewards,
    combined: combine(settings, rewards),
    ...(scored && { reference: scored }),
    resampled: promptIds.length - promptsPerStep,
  };
}

async function sample<P, C>(
  settings: TrainSettings<P, C>,
  step: number,
  batch: PromptBatch<P>,
  { enter, sampler, reward, reference }: CollectContext<P, C>,
): Promise<{ rollout: Rollout<P, C>; rewards: EnsembleResult; reference?: ReferenceScores }> {
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
  const scores = await meanwhile(
    (signal) =>
      reward
        ? reward(rollout.samples, { signal })
        : evaluateReward(settings.reward, rollout.samples, { signal }),
    reference && ((signal) => reference(rollout, signal)),
    { enter, signal },
  );
  return { rollout, ...scores };
}

/** The advantages that training makes of what an ensemble said. */
export function combine<P, C>(
  { objective, groupSize }: Pick<TrainSettings<P, C>, 'objective' | 'groupSize'>,
  { table, weights, preparations, combination, aggregation, abstention }: EnsembleResult,
): CombinedRewards {
  const { scale, epsilon, baseline, clip } = objective.advantages;
  return combineRewards(table, {
    ...{ scale, epsilon, baseline, clip },
    ...{ weights, preparations, combination, aggregation, abstention, groupSize },
  });
}

/** Groups that have something to teach. */
function countInformative<P, C>(settings: TrainSettings<P, C>, rewards: EnsembleResult): number {
  return combine(settings, rewards).flat.filter((flat) => !flat).length;
}
