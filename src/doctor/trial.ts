import type { Objective } from '../objective/objective.js';
import type { Reference } from '../policy/reference.js';
import type { StepMetrics } from '../train/metrics.js';
import { adamW } from '../train/optimizer.js';
import { train } from '../train/train.js';
import { type Course, certainty, courseOf } from './course.js';
import { SHORTEST_PROBE } from './options.js';
import type { Patient } from './patient.js';
import { snapshotOf, snapshotOfOptimizer } from './snapshot.js';

/** A few steps of training that leave no trace. */
export interface TrialOptions<P, C> {
  readonly prompt: P;
  readonly objective: Objective;
  readonly reference?: Reference<C>;
  readonly steps: number;
  readonly learningRate: number;
  /** End when the reward has clearly risen. */
  readonly untilRisen: boolean;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: number) => void;
}

/** What a trial showed. */
export interface Trial<Result> {
  readonly records: readonly StepMetrics[];
  readonly course: Course;
  /** What `atEnd` gave. */
  readonly result: Result;
}

/**
 * Trains on one prompt with the run's own settings, and puts weights and optimiser back.
 * @param atEnd called with the weights as they are at the end
 */
export async function trial<P, C, Result>(
  { settings, doctor, checkAbort }: Patient<P, C>,
  options: TrialOptions<P, C>,
  atEnd: (records: readonly StepMetrics[]) => Promise<Result>,
): Promise<Trial<Result>> {
  const optimizer = settings.optimizer ?? adamW();
  const weights = snapshotOf(settings.policy.variables);
  const moments = settings.optimizer ? snapshotOfOptimizer(settings.optimizer) : undefined;
  const records: StepMetrics[] = [];
  let course: Course = { last: Number.NaN, change: 0, error: 0, t: 0, z: 0 };
  try {
    const probe = train<P, C>({
      policy: settings.policy,
      rollout: settings.rollout,
      reward: settings.reward,
      prompts: [options.prompt],
      promptsPerStep: settings.promptsPerStep,
      groupSize: settings.groupSize,
      objective: options.objective,
      ...(options.reference && { reference: options.reference }),
      steps: options.steps,
      learningRate: options.learningRate,
      optimizer,
      maxGradNorm: settings.maxGradNorm,
      microBatch: settings.microBatch,
      updatesPerRollout: settings.updatesPerRollout,
      ratioTolerance: settings.ratioTolerance,
      seed: settings.seed,
      monitor: false,
      ...(options.signal && { signal: options.signal }),
    });
    for await (const { metrics, rollout } of probe) {
      checkAbort();
      records.push(metrics);
      options.onStep?.(records.length);
      course = courseOf(records, rollout.samples.length);
      const risen = records.length >= SHORTEST_PROBE && certainty(course) > doctor.limits.rise;
      if (options.untilRisen && risen) break;
    }
    return { records, course, result: await atEnd(records) };
  } finally {
    weights.restore();
    moments?.restore();
    if (!settings.optimizer) optimizer.dispose();
  }
}
