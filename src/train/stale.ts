import { linkedAbort } from '../abort.js';
import { BicotError } from '../errors.js';
import type { Executor } from '../parallel/executor.js';
import { type Collected, collect } from './collect.js';
import { throwIfAborted } from './guards.js';
import type { LevelBatch } from './levels.js';
import type { TrainSettings } from './options.js';

/** Rollouts of later steps that are under way while a step is trained on. */
export interface RolloutsAhead<P, C> {
  /**
   * Before a step is made: begins the rollout of the step that is `staleness` later, with the weights of now.
   * @returns what the step itself is trained on
   */
  next(step: number): Promise<{ readonly collected: Promise<Collected<P, C>> }>;
  /** Stops what is under way. */
  end(): Promise<void>;
}

/**
 * Makes rollouts ahead. That of step `s` has the weights after `s − staleness` steps, whatever is ready when: a run is the
 * same however fast its workers are.
 * @param first the step that the run begins with: no rollout has older weights than it
 * @throws BicotError `unsupported` for an executor that has but one set of weights
 */
export function rolloutsAhead<P, C>(
  settings: TrainSettings<P, C>,
  executor: Executor<C> | undefined,
  first: number,
): RolloutsAhead<P, C> {
  const { staleness, steps, signal } = settings;
  const snapshot = executor?.tasks.includes('sample') ? executor.snapshot : undefined;
  if (!executor || !snapshot) {
    throw new BicotError(
      'unsupported',
      `train: staleness is ${staleness}, but there is no executor that samples with older weights. Use executor: bullmq({ … }), or drop staleness.`,
    );
  }
  const reward = executor.tasks.includes('reward') ? executor.reward : undefined;
  const abort = linkedAbort(signal);
  const underWay = new Map<number, Promise<Collected<P, C>>>();
  let begun = first;

  const begin = async (step: number): Promise<void> => {
    const weights = await snapshot();
    const enter = (phase: string): void =>
      throwIfAborted(`train: step ${step}, ${phase} ahead`, abort.signal);
    const own = { ...settings, signal: abort.signal, onProgress: undefined };
    const work = collect(own, step, { enter, sampler: weights.sample, ...(reward && { reward }) }).finally(
      weights.release,
    );
    // One that fails before its step is not unhandled.
    work.catch(() => {});
    underWay.set(step, work);
  };
  return {
    async next(step) {
      for (; begun < Math.min(steps, step + staleness + 1); begun++) await begin(begun);
      const own = underWay.get(step) as Promise<Collected<P, C>>;
      underWay.delete(step);
      return { collected: own };
    },
    async end() {
      abort.abort();
      abort.release();
      await Promise.allSettled(underWay.values());
    },
  };
}

/**
 * Throws if a level is trained on rollouts of older weights and nothing in its loss corrects for that. Where the old
 * log-probs are those that were recorded when the tokens were drawn, the ratio does.
 * @throws BicotError `value`
 */
export function assertCorrected<C>(batches: readonly LevelBatch<C>[], step: number): void {
  const wrong = batches.find(
    ({ trained, oldLogProbs, objective }) => trained && !oldLogProbs && !objective.importance,
  );
  if (!wrong) return;
  throw new BicotError(
    'value',
    `train: step ${step}: level '${wrong.level.name}' is trained under another distribution than it is sampled from (guidance 'conditional'), so its ratio can't correct for rollouts of older weights. Give its objective importance, train the guided distribution, or set staleness to 0.`,
  );
}
