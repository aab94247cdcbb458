import { isActive } from '../objective/coefficient.js';
import { levelObjective, type Objective } from '../objective/objective.js';
import { poolOf, type WorkerPool } from '../parallel/pool.js';
import { freezeReference } from '../policy/reference.js';
import { trainingMonitor } from './monitor/monitor.js';
import { adamW } from './optimizer.js';
import { type TrainOptions, type TrainSettings, trainSettings } from './options.js';
import { type TrainStep, trainStep } from './step.js';

/**
 * GRPO (and with a bi-level rollout BiCoT-GRPO, arXiv 2505.00703) as an async iterator over steps: roll out,
 * reward, compare within groups, score the reference, update. When a step is yielded its update is done.
 *
 * It stops by step count, and otherwise whenever the caller wants: `break` frees everything that it made. The
 * same seed and options give the same steps on the same backend.
 *
 * A step without anything to learn from (no scorable sample, or no group with a spread, and no KL penalty) leaves
 * weights and optimiser alone and is yielded with `gradNorm` 0.
 * @throws BicotError right away: `empty-prompts`, `group-size`, `value`, `unsupported` (`parallel` without a recipe). While iterating: `aborted`;
 * `non-finite` naming the step and phase, with the weights unchanged; `value` if sampler and policy disagree
 * (`ratioTolerance`), if the policy sampled no level of the rollout, or if the objective has settings for a level
 * that the rollout does not have; and what the rollout and the rewards throw
 */
export function train<P, C>(options: TrainOptions<P, C>): AsyncGenerator<TrainStep<P, C>, void, undefined> {
  return run(trainSettings(options));
}

async function* run<P, C>(settings: TrainSettings<P, C>): AsyncGenerator<TrainStep<P, C>, void, undefined> {
  const optimizer = settings.optimizer ?? adamW();
  const reference =
    settings.reference ?? (usesReference(settings.objective) ? freezeReference(settings.policy) : undefined);
  let { coefficients } = settings;
  const monitor = settings.monitor === false ? undefined : trainingMonitor(settings.monitor);
  let pool: WorkerPool<C> | undefined;
  try {
    pool = settings.parallel && (await poolOf(settings.policy, settings.parallel));
    for (let step = settings.startStep; step < settings.steps; step++) {
      const made = await trainStep(settings, { optimizer, reference, coefficients, monitor, pool }, step);
      coefficients = made.coefficients;
      for (const finding of made.findings) settings.onFinding?.(finding);
      for (const log of settings.loggers) await log(made);
      yield made;
    }
  } finally {
    if (!settings.optimizer) optimizer.dispose();
    if (!settings.reference) reference?.dispose();
    if (pool !== settings.parallel) await pool?.dispose();
  }
}

function usesReference(objective: Objective): boolean {
  const names = ['', ...Object.keys(objective.levels ?? {})];
  return names.some((name) => isActive(levelObjective(objective, name).klWeight));
}
