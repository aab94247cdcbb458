import { loadKernels } from '../kernels/choice.js';
import type { CombinedRewards } from '../objective/combine.js';
import type { Objective } from '../objective/objective.js';
import { rewardShares } from '../objective/shares.js';
import { nanMoments } from '../objective/statistics.js';
import { type Executor, isExecutor, poolDoing } from '../parallel/executor.js';
import type { Reference } from '../policy/reference.js';
import type { EnsembleResult } from '../rewards/ensemble/result.js';
import { rewardStatistics } from '../rewards/ensemble/statistics.js';
import { selectGroups } from '../rollout/groups.js';
import type { LevelRollout, Rollout } from '../rollout/types.js';
import { type Phase, phaseClock } from './clock.js';
import {
  advanceCoefficients,
  type Coefficients,
  lossCoefficients,
  startCoefficients,
} from './coefficients.js';
import { type Collected, collect } from './collect.js';
import type { WeightAverage } from './ema.js';
import type { Finding } from './findings.js';
import { throwIfAborted } from './guards.js';
import { type LevelBatch, levelBatches, tokenCount } from './levels.js';
import { type LevelMetrics, levelMetrics, type StepMetrics } from './metrics.js';
import type { Optimizer } from './optimizer.js';
import type { TrainSettings } from './options.js';
import { referenceScores, withReference } from './reference.js';
import { assertCorrected } from './stale.js';
import { type UpdateResult, updatePolicy } from './update.js';

/** One step that was made. Everything lives on the host: nothing to dispose. */
export interface TrainStep<P = unknown, C = unknown> {
  /** Plain data, for a log. */
  readonly metrics: StepMetrics;
  /** All that the step sampled: pictures, plans, tokens. */
  readonly rollout: Rollout<P, C>;
  /** What every reward said about them. */
  readonly rewards: EnsembleResult;
  /** `[N]`. */
  readonly advantages: Float32Array;
  /** Where adaptive coefficients stand after the step; save them to resume (`TrainOptions.coefficients`). */
  readonly coefficients: Coefficients;
  /** What the monitor found that it had not found before; `formatFindings` prints them. */
  readonly findings: readonly Finding[];
  /** The averaged weights, with `TrainOptions.ema`: `step.ema.use(() => evaluate(…))`. The training's own; not to be disposed. */
  readonly ema?: Omit<WeightAverage, 'update' | 'restore' | 'dispose'>;
}

/** What lives for the whole run. */
export interface Resources<C> {
  /** What it remembers goes on from step to step. */
  readonly optimizer: Optimizer;
  /** What the KL penalty pulls towards; needed if there is one. */
  readonly reference?: Reference<C>;
  /** Where adaptive coefficients stand before the step. Default: at their start. */
  readonly coefficients?: Coefficients;
  /** Who computes. Default: the executor in the settings, if it is made already; else this thread does everything. */
  readonly pool?: Executor<C>;
  /**
   * What was sampled ahead, and the rewards of it. Default: it is sampled now.
   * @internal
   */
  readonly collected?: Promise<Collected<unknown, C>>;
  /** Watches the metrics. Default: nobody. */
  readonly monitor?: (metrics: StepMetrics) => readonly Finding[];
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
  await loadKernels();
  const { policy, objective, signal, onProgress } = settings;
  const clock = phaseClock();
  const enter = (phase: Phase): void => {
    throwIfAborted(`train: step ${step}, ${phase}`, signal);
    clock.enter(phase);
    onProgress?.({ step, phase });
  };

  const { executor } = settings;
  const pool = resources.pool ?? (executor && isExecutor<C>(executor) ? executor : undefined);

  const sampler = poolDoing('sample', pool)?.sample;
  const { reference } = resources;
  const work = reference && { settings, reference, pool, step };
  // Groups that are left out once the rewards are known need no reference.
  const sure = work && objective.advantages.zeroVariance === 'keep';
  if (resources.collected) enter('rollout');
  const collected = resources.collected as Promise<Collected<P, C>> | undefined;
  const { rollout, rewards, combined, resampled, ...early } = await (collected ??
    collect(settings, step, {
      ...{ enter, sampler, reward: poolDoing('reward', pool)?.reward },
      ...(sure && { reference: ({ levels }, signal) => referenceScores(levels, work, signal) }),
    }));
  const taught = withoutFlatGroups(rollout, combined, objective);
  const names = rollout.levels.map(({ name }) => name);
  const coefficients = startCoefficients(objective, names, resources.coefficients);

  const batches = levelBatches(policy, taught.rollout, taught.advantages, objective, {
    coefficients: lossCoefficients(objective, coefficients),
    flat: taught.flat,
  });
  if (settings.staleness > 0) assertCorrected(batches, step);
  if (!early.reference) enter('reference');
  const scores = early.reference ?? (work ? await referenceScores(taught.rollout.levels, work) : {});
  const levels = withReference(batches, scores);

  enter('update');
  const learningRate = settings.learningRate(step);
  const updates = await update(levels, { ...settings, pool }, resources.optimizer, learningRate, step);

  const seconds = clock.stop();
  const byLevel = levelsMetrics(levels, updates, rollout);
  const tokens = rollout.levels.reduce((sum, level) => sum + tokenCount(level), 0);
  const total = nanMoments(combined.total);
  const last = updates.at(-1) as UpdateResult;
  const metrics: StepMetrics = {
    step,
    reward: {
      samples: rollout.samples.length,
      mean: total.mean,
      std: total.std,
      byMember: rewardStatistics(rewards, rewards.table.names, rollout.groupSize),
      shares: rewardShares({ ...rewards, ...objective.advantages, groupSize: rollout.groupSize }),
      dropped: rewards.dropped.length,
      monitors: rewardStatistics(rewards, rewards.monitors.names, rollout.groupSize),
    },
    advantages: {
      std: nanMoments(combined.advantages).std,
      zeroVarianceFraction: combined.zeroVarianceFraction,
      resampled,
    },
    levels: byLevel,
    loss: last.loss,
    gradNorm: last.gradNorm,
    learningRate,
    tokensPerSecond: tokens / seconds.total,
    seconds,
    calls: rewards.calls,
  };
  return {
    metrics,
    rollout,
    rewards,
    advantages: combined.advantages,
    coefficients: advanceCoefficients(objective, coefficients, measured(byLevel, levels)),
    findings: resources.monitor?.(metrics) ?? [],
  };
}

type Pooled<P, C> = TrainSettings<P, C> & Pick<Resources<C>, 'pool'>;

/** What the update is made with: all groups, or those that have something to teach. */
function withoutFlatGroups<P, C>(
  rollout: Rollout<P, C>,
  { advantages, flat }: CombinedRewards,
  { advantages: { zeroVariance } }: Objective,
): { rollout: Rollout<P, C>; advantages: Float32Array; flat: readonly boolean[] } {
  if (zeroVariance === 'keep' || !flat.includes(true)) return { rollout, advantages, flat };
  const { groupSize } = rollout;
  const kept = [...flat.keys()].filter((group) => !flat[group]);
  return {
    rollout: selectGroups(rollout, kept),
    advantages: advantages.filter((_, i) => !flat[Math.floor(i / groupSize)]),
    flat: kept.map(() => false),
  };
}

/** What adaptive coefficients go by, of the levels that were trained. */
function measured<C>(
  metrics: Readonly<Record<string, LevelMetrics>>,
  levels: readonly LevelBatch<C>[],
): Record<string, LevelMetrics | undefined> {
  return Object.fromEntries(
    levels.map(({ level, trained }) => [level.name, trained ? metrics[level.name] : undefined]),
  );
}

/** All updates with one rollout. */
async function update<P, C>(
  levels: readonly LevelBatch<C>[],
  settings: Pooled<P, C>,
  optimizer: Optimizer,
  learningRate: number,
  step: number,
): Promise<UpdateResult[]> {
  const { policy, maxGradNorm, microBatch, pool, signal, onProgress } = settings;
  const results: UpdateResult[] = [];
  let batches = levels;
  for (let i = 0; i < settings.updatesPerRollout; i++) {
    const result = await updatePolicy(policy, batches, {
      optimizer,
      learningRate,
      maxGradNorm,
      microBatch,
      pool,
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
  rollout: { readonly levels: readonly LevelRollout<C>[] },
): Record<string, LevelMetrics> {
  return Object.fromEntries(
    levels.map((batch, i) => {
      const { name } = batch.level;
      const first = updates[0]?.logProbs[name];
      const last = updates.at(-1)?.logProbs[name];
      const scored = first && last && { first, last };
      const gradNorm = updates.at(-1)?.gradNorms[name];
      return [name, levelMetrics(batch, { scored, gradNorm, sampled: rollout.levels[i] })];
    }),
  );
}
