import { isActive } from '../objective/coefficient.js';
import { levelObjective, type Objective } from '../objective/objective.js';
import { type Executor, type ExecutorSource, isExecutor } from '../parallel/executor.js';
import { freezeReference } from '../policy/reference.js';
import type { CheckpointKeeper } from './checkpoints/keeper.js';
import { checkpointSettings } from './checkpoints/options.js';
import { weightAverage } from './ema.js';
import { trainingMonitor } from './monitor/monitor.js';
import { adamW } from './optimizer.js';
import { type TrainOptions, type TrainSettings, trainSettings } from './options.js';
import { type RolloutsAhead, rolloutsAhead } from './stale.js';
import { type TrainStep, trainStep } from './step.js';

/**
 * GRPO (and with a bi-level rollout BiCoT-GRPO, arXiv 2505.00703) as an async iterator over steps: roll out,
 * reward, compare within groups, score the reference, update. When a step is yielded its update is done.
 *
 * It stops by step count, and otherwise whenever the caller wants: `break` frees everything that it made. The
 * same seed and options give the same steps on the same backend.
 *
 * With `checkpoints` the run is saved as it goes, after the caller had its turn with a step, and in the end, however it
 * ends. With `resume` it goes on from there, bit for bit as if it had never stopped; pass the policy with the weights that
 * the run was begun with, as the reference is made of them.
 *
 * A step without anything to learn from (no scorable sample, or no group with a spread, and no KL penalty) leaves
 * weights and optimiser alone and is yielded with `gradNorm` 0.
 * @throws BicotError right away: `empty-prompts`, `group-size`, `value`, `unsupported` (`parallel` without a recipe). While iterating: `aborted`;
 * `non-finite` naming the step and phase, with the weights unchanged; `value` if sampler and policy disagree
 * (`ratioTolerance`), if the policy sampled no level of the rollout, or if the objective has settings for a level
 * that the rollout does not have; `checkpoint` for checkpoints that are of another run, damaged or can't be written; and what
 * the rollout and the rewards throw
 */
export function train<P, C>(options: TrainOptions<P, C>): AsyncGenerator<TrainStep<P, C>, void, undefined> {
  return run(trainSettings(options));
}

async function* run<P, C>(settings: TrainSettings<P, C>): AsyncGenerator<TrainStep<P, C>, void, undefined> {
  const { policy, checkpoints } = settings;
  const optimizer = settings.optimizer ?? adamW();
  // Of the weights that the run begins with, also when it goes on from a checkpoint.
  const reference =
    settings.reference ?? (usesReference(settings.objective) ? freezeReference(policy) : undefined);
  const ema = settings.ema && weightAverage(policy.variables, settings.ema);
  let keeper: CheckpointKeeper | undefined;
  const { executor } = settings;
  let pool: Executor<C> | undefined;
  let ahead: RolloutsAhead<P, C> | undefined;
  let closed = false;
  try {
    if (checkpoints) {
      // Who saves nothing loads no code of files.
      const { checkpointKeeper } = await import('./checkpoints/keeper.js');
      keeper = await checkpointKeeper(settings, checkpointSettings(checkpoints), { optimizer, ema });
    }
    const start = keeper?.resumed ?? { step: settings.startStep, coefficients: settings.coefficients };
    let { coefficients } = start;
    const monitor =
      settings.monitor === false ? undefined : trainingMonitor(settings.monitor, keeper?.resumed?.monitor);
    pool = executor && (await startedOf(executor, settings));
    ahead = settings.staleness > 0 ? rolloutsAhead(settings, pool, start.step) : undefined;
    for (let step = start.step; step < settings.steps; step++) {
      const resources = { optimizer, reference, coefficients, monitor, pool, ...(await ahead?.next(step)) };
      const made = await trainStep(settings, resources, step);
      ({ coefficients } = made);
      ema?.update();
      const told = { ...made, ...(ema && { ema }) };
      for (const finding of made.findings) settings.onFinding?.(finding);
      for (const log of settings.loggers) await log(told);
      // Not before: what is saved has been logged.
      keeper?.made(
        { step: step + 1, coefficients, ...(monitor && { monitor: monitor.state() }) },
        made.metrics,
      );
      yield told;
      // Saved after the caller had its turn: what it logs of a step is never behind what is saved.
      if (keeper?.due()) {
        settings.onProgress?.({ step, phase: 'save' });
        await keeper.save();
      }
    }
  } catch (error) {
    closed = true;
    throw (await keeper?.closeAfter(error)) ?? error;
  } finally {
    try {
      if (!closed) await keeper?.close();
    } finally {
      if (!settings.optimizer) optimizer.dispose();
      if (!settings.reference) reference?.dispose();
      ema?.dispose();
      await ahead?.end();
      if (pool !== executor) await pool?.dispose();
    }
  }
}

async function startedOf<P, C>(
  executor: Executor<C> | ExecutorSource,
  { policy, signal }: TrainSettings<P, C>,
): Promise<Executor<C>> {
  return isExecutor<C>(executor) ? executor : (executor as ExecutorSource).start(policy, { signal });
}

function usesReference(objective: Objective): boolean {
  const names = ['', ...Object.keys(objective.levels ?? {})];
  return names.some((name) => isActive(levelObjective(objective, name).klWeight));
}
