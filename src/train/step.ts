import { combineRewards } from '../objective/combine.js';
import { nanMoments } from '../objective/statistics.js';
import type { Reference } from '../policy/reference.js';
import { type EnsembleResult, evaluateReward } from '../rewards/ensemble.js';
import type { Rollout } from '../rollout/types.js';
import { type Phase, phaseClock } from './clock.js';
import { throwIfAborted } from './guards.js';
import { assertOwnLevel, type LevelBatch, levelBatches, tokenCount } from './levels.js';
import { type LevelMetrics, levelMetrics, membersMetrics, type StepMetrics } from './metrics.js';
import type { Optimizer } from './optimizer.js';
import type { TrainSettings } from './options.js';
import { promptBatch } from './prompts.js';
import { referenceLogProbs } from './score.js';
import { type UpdateResult, updatePolicy } from './update.js';

/** One step that was made. Everything lives on the host: nothing to dispose. */
export interface TrainStep<P = unknown, C = unknown> {
  /** Plain data, for a log. */
  readonly metrics: StepMetrics;
  /** The samples that the step learned from: pictures, plans, tokens. */
  readonly rollout: Rollout<P, C>;
  /** What every reward said about them. */
  readonly rewards: EnsembleResult;
  /** `[N]`. */
  readonly advantages: Float32Array;
}

/** What lives for the whole run. */
export interface Resources<C> {
  readonly optimizer: Optimizer;
  readonly reference?: Reference<C>;
}

/**
 * Makes one step; its resources stay the caller's.
 * @throws BicotError as iterating over `train` does
 */
export async function trainStep<P, C>(
  settings: TrainSettings<P, C>,
  resources: Resources<C>,
  step: number,
): Promise<TrainStep<P, C>> {
  const { policy, objective, signal, onProgress } = settings;
  const clock = phaseClock();
  const enter = (phase: Phase): void => {
    throwIfAborted(`train: step ${step}, ${phase}`, signal);
    clock.enter(phase);
    onProgress?.({ step, phase });
  };

  enter('rollout');
  const { seed, groupSize, promptsPerStep, prompts } = settings;
  const rollout = await settings.rollout({
    ...promptBatch(prompts, promptsPerStep, seed, step),
    groupSize,
    step,
    seed,
    signal,
    onProgress: onProgress && ((detail) => onProgress({ step, phase: 'rollout', detail })),
  });

  // Before anyone pays for rewards.
  assertOwnLevel(`train: step ${step}`, policy, rollout);

  enter('reward');
  const rewards = await evaluateReward(settings.reward, rollout.samples);
  const combined = combineRewards(rewards.table, {
    ...objective.advantages,
    weights: rewards.weights,
    aggregation: rewards.aggregation,
    abstention: rewards.abstention,
    groupSize: rollout.groupSize,
  });

  enter('reference');
  const levels = await withReference(
    levelBatches(policy, rollout, combined.advantages, objective),
    resources.reference,
    settings,
    step,
  );

  enter('update');
  const learningRate = settings.learningRate(step);
  const updates = await update(levels, settings, resources.optimizer, learningRate, step);

  const seconds = clock.stop();
  const byLevel = levelsMetrics(levels, updates);
  const tokens = levels.reduce((sum, { level }) => sum + tokenCount(level), 0);
  const total = nanMoments(combined.total);
  const last = updates.at(-1) as UpdateResult;
  const metrics: StepMetrics = {
    step,
    reward: {
      mean: total.mean,
      std: total.std,
      byMember: membersMetrics(rewards.table.names, rewards),
      monitors: Object.fromEntries(
        Object.entries(membersMetrics(rewards.monitors.names, rewards)).map(([name, { mean }]) => [
          name,
          mean,
        ]),
      ),
    },
    advantages: {
      std: nanMoments(combined.advantages).std,
      zeroVarianceFraction: combined.zeroVarianceFraction,
    },
    levels: byLevel,
    loss: last.loss,
    gradNorm: last.gradNorm,
    learningRate,
    tokensPerSecond: tokens / seconds.total,
    seconds,
  };
  return { metrics, rollout, rewards, advantages: combined.advantages };
}

/** Adds the frozen policy's log-probs to the levels that a KL penalty pulls on. */
async function withReference<P, C>(
  levels: readonly LevelBatch<C>[],
  reference: Reference<C> | undefined,
  { microBatch, signal }: TrainSettings<P, C>,
  step: number,
): Promise<LevelBatch<C>[]> {
  const scored: LevelBatch<C>[] = [];
  for (const batch of levels) {
    if (!reference || !batch.own || batch.objective.klWeight === 0) {
      scored.push(batch);
      continue;
    }
    const options = { microBatch, signal, where: `train: step ${step}, reference` };
    scored.push({ ...batch, referenceLogProbs: await referenceLogProbs(batch.level, reference, options) });
  }
  return scored;
}

/** All updates with one rollout. */
async function update<P, C>(
  levels: readonly LevelBatch<C>[],
  settings: TrainSettings<P, C>,
  optimizer: Optimizer,
  learningRate: number,
  step: number,
): Promise<UpdateResult[]> {
  const { policy, maxGradNorm, microBatch, signal, onProgress } = settings;
  const results: UpdateResult[] = [];
  let batches = levels;
  for (let i = 0; i < settings.updatesPerRollout; i++) {
    const result = await updatePolicy(policy, batches, {
      optimizer,
      learningRate,
      maxGradNorm,
      microBatch,
      signal,
      where: `train: step ${step}, update`,
      // Later updates are meant to move away from the policy that sampled.
      ratioTolerance: i === 0 ? settings.ratioTolerance : Number.POSITIVE_INFINITY,
      onProgress: onProgress && ((detail) => onProgress({ step, phase: 'update', detail })),
    });
    results.push(result);
    // Where the policy itself stood for the old log-probs, it stands as it was at the first update.
    if (i === 0)
      batches = levels.map((batch) => ({ oldLogProbs: result.logProbs[batch.level.name], ...batch }));
  }
  return results;
}

function levelsMetrics<C>(
  levels: readonly LevelBatch<C>[],
  updates: readonly UpdateResult[],
): Record<string, LevelMetrics> {
  return Object.fromEntries(
    levels.map((batch) => {
      const { name } = batch.level;
      const first = updates[0]?.logProbs[name];
      const last = updates.at(-1)?.logProbs[name];
      return [name, levelMetrics(batch, first && last && { first, last })];
    }),
  );
}
