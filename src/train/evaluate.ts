import { BicotError } from '../errors.js';
import { nanMoments } from '../objective/statistics.js';
import { assertExecutor, type Executor, type ExecutorTask, isExecutor } from '../parallel/executor.js';
import { checkParallel, type ParallelOptions, WORKER_TASKS } from '../parallel/options.js';
import { type WorkerPool, workerPool } from '../parallel/pool.js';
import type { Policy } from '../policy/policy.js';
import { evaluateReward } from '../rewards/ensemble/ensemble.js';
import type { EnsembleResult } from '../rewards/ensemble/result.js';
import { type MemberStatistics, memberStatistics } from '../rewards/ensemble/statistics.js';
import type { RewardFunction, RewardResult, Sample } from '../rewards/reward.js';
import type { RolloutFunction, RolloutProgress } from '../rollout/request.js';
import { assertCount, throwIfAborted } from './guards.js';

/** What to evaluate, on what. */
export interface EvaluateOptions<P, C> {
  /** Samples from the policy: `biLevelRollout`, `oneLevelRollout` or your own. */
  readonly rollout: RolloutFunction<P, C>;
  /** A reward or a `rewardEnsemble`. */
  readonly reward: RewardFunction<P>;
  /** Not empty. */
  readonly prompts: readonly P[];
  /** Default 4. */
  readonly samplesPerPrompt?: number;
  /** Default 0. The same seed draws the same random numbers, so that before and after are paired. */
  readonly seed?: number;
  /** Prompts sampled at once: memory and speed, not results. Default 8. */
  readonly batch?: number;
  /**
   * Sample in workers: a pool made with `workerPool`, which stays the caller's; or options with the policy that samples,
   * for workers that end with the evaluation. Default: this thread samples.
   */
  readonly parallel?:
    | WorkerPool<C>
    | (ParallelOptions & {
        /** The one that the rollout samples from; needs a `recipe`. */
        readonly policy: Policy<C>;
      });
  /** Who samples, and computes the rewards if that is a task of theirs; stays the caller's. Default: this thread. */
  readonly executor?: Executor<C>;
  /** Ends the evaluation with an error of code `aborted`. */
  readonly signal?: AbortSignal;
  /** Called after every sampled token and after every batch of prompts. */
  readonly onProgress?: (progress: EvaluateProgress) => void;
}

/** How far an evaluation has come. */
export interface EvaluateProgress {
  /** Prompts that are done. */
  readonly prompts: number;
  /** Prompts of the whole evaluation. */
  readonly total: number;
  /** Within the batch being sampled. */
  readonly detail?: RolloutProgress;
}

/** One sample and what was said about it. */
export interface EvaluatedSample<P> {
  /** The prompt, and what was made of it. */
  readonly sample: Sample<P>;
  /** Its prompt's index in the list (`sample.group` counts within a batch). */
  readonly promptIndex: number;
  /** The weighted total; NaN if it could not be scored. */
  readonly total: number;
  /** What every member, trained or monitor, said. */
  readonly results: Readonly<Record<string, RewardResult>>;
}

/** The rewards of a policy, without training it. */
export interface Evaluation<P = unknown> {
  /** Of the weighted total, over the samples that have one. NaN if none has. */
  readonly total: {
    /** NaN if no sample has a total. */
    readonly mean: number;
    /** Over all samples, whatever their prompt. */
    readonly std: number;
  };
  /** The rewards that training would use, by name. */
  readonly members: Readonly<Record<string, MemberStatistics>>;
  /** The rewards that are only watched, by name. */
  readonly monitors: Readonly<Record<string, MemberStatistics>>;
  /** In the order of the prompts, samples of one prompt side by side. */
  readonly samples: readonly EvaluatedSample<P>[];
  /** What the random numbers were drawn with: evaluations of one seed and the same prompts are paired. */
  readonly seed: number;
  /** Wall time. */
  readonly seconds: number;
}

/** Streams are keyed by step too; no training step is −1, so an evaluation never repeats what training drew. */
const EVALUATION_STEP = -1;

/**
 * Samples every prompt and asks the rewards. Nothing is trained.
 * @throws BicotError `empty-prompts`, `value`, `aborted`, those of `workerPool`, and what the rollout and the rewards throw
 */
export async function evaluate<P, C>(options: EvaluateOptions<P, C>): Promise<Evaluation<P>> {
  const { prompts, samplesPerPrompt = 4, batch = 8, parallel } = options;
  if (prompts.length === 0) {
    throw new BicotError('empty-prompts', 'evaluate: there are no prompts. Pass at least one.');
  }
  assertCount('evaluate', 'samplesPerPrompt', samplesPerPrompt, 1);
  assertCount('evaluate', 'batch', batch, 1);
  const { executor = parallel && isExecutor<C>(parallel) ? parallel : undefined } = options;
  if (executor) {
    if (parallel && parallel !== executor) {
      throw new BicotError('value', 'evaluate: there are both executor and parallel. Drop one of them.');
    }
    assertExecutor('evaluate', 'executor', executor, executor.policy);
    assertSamples(executor.tasks);
    return evaluateWith(options, executor);
  }
  if (!parallel) return evaluateWith(options);
  const { policy, ...workers } = parallel as Exclude<typeof parallel, WorkerPool<C>>;
  checkParallel(workers);
  assertSamples(workers.tasks);
  const pool = await workerPool(policy, workers);
  try {
    return await evaluateWith(options, pool);
  } finally {
    await pool.dispose();
  }
}

/** Workers that do not sample would do nothing in an evaluation. */
function assertSamples(tasks: readonly ExecutorTask[] = WORKER_TASKS): void {
  if (tasks.includes('sample')) return;
  throw new BicotError(
    'value',
    `evaluate: parallel has the tasks ${tasks.join(', ')}, but an evaluation only samples, so its workers could do nothing. Add 'sample' to tasks, or leave parallel out.`,
  );
}

async function evaluateWith<P, C>(
  options: EvaluateOptions<P, C>,
  executor?: Pick<Executor<C>, 'sample' | 'tasks' | 'reward'>,
): Promise<Evaluation<P>> {
  const { prompts, samplesPerPrompt = 4, seed = 0, batch = 8, signal, onProgress } = options;
  const start = performance.now();
  const theirs = executor?.tasks.includes('reward') ? executor.reward : undefined;
  const samples: EvaluatedSample<P>[] = [];
  let members: readonly string[] = [];
  let monitors: readonly string[] = [];
  for (let begin = 0; begin < prompts.length; begin += batch) {
    throwIfAborted('evaluate', signal);
    const some = prompts.slice(begin, begin + batch);
    const progress = { prompts: begin, total: prompts.length };
    const rollout = await options.rollout({
      prompts: some,
      promptIds: some.map((_, i) => begin + i),
      groupSize: samplesPerPrompt,
      step: EVALUATION_STEP,
      seed,
      signal,
      onProgress: onProgress && ((detail) => onProgress({ ...progress, detail })),
      ...(executor && { sample: executor.sample }),
    });
    throwIfAborted('evaluate', signal);
    const rewards = await (theirs
      ? theirs(rollout.samples, { signal })
      : evaluateReward(options.reward, rollout.samples, { signal }));
    rollout.samples.forEach((one, i) => {
      samples.push(evaluatedSample(one, begin + one.group, rewards, i));
    });
    members = rewards.table.names;
    monitors = rewards.monitors.names;
    onProgress?.({ prompts: begin + some.length, total: prompts.length });
  }
  const metricsOf = (names: readonly string[]): Record<string, MemberStatistics> =>
    Object.fromEntries(
      names.map((name) => [
        name,
        memberStatistics(samples.map(({ results }) => results[name] as RewardResult)),
      ]),
    );
  const { mean, std } = nanMoments(samples.map(({ total }) => total));
  return {
    total: { mean, std },
    members: metricsOf(members),
    monitors: metricsOf(monitors),
    samples,
    seed,
    seconds: (performance.now() - start) / 1000,
  };
}

function evaluatedSample<P>(
  sample: Sample<P>,
  promptIndex: number,
  { total, results }: EnsembleResult,
  row: number,
): EvaluatedSample<P> {
  return {
    sample,
    promptIndex,
    total: total[row] as number,
    results: Object.fromEntries(
      Object.entries(results).map(([name, ofMember]) => [name, ofMember[row] as RewardResult]),
    ),
  };
}
