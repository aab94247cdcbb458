import { BicotError } from '../errors.js';
import { levelObjective, type Objective } from '../objective/objective.js';
import { assertKnownOptions } from '../options.js';
import { assertExecutor, type Executor, type ExecutorSource, isExecutor } from '../parallel/executor.js';
import type { ParallelOptions } from '../parallel/options.js';
import { type WorkerPool, workerThreads } from '../parallel/pool.js';
import type { Policy } from '../policy/policy.js';
import type { Reference } from '../policy/reference.js';
import type { RewardFunction } from '../rewards/reward.js';
import type { RolloutFunction, RolloutProgress } from '../rollout/request.js';
import { type CheckpointOptions, checkpointSettings, type Resume } from './checkpoints/options.js';
import type { Coefficients } from './coefficients.js';
import { checkEma, type EmaOptions } from './ema.js';
import type { Finding } from './findings.js';
import { assertMaxNorm } from './gradients.js';
import { assertCount } from './guards.js';
import type { Logger } from './logger.js';
import { trainingMonitor } from './monitor/monitor.js';
import type { MonitorOptions } from './monitor/options.js';
import type { Optimizer } from './optimizer.js';
import { constant, type Schedule } from './schedule.js';
import type { UpdateProgress } from './update.js';

/** What a step is doing. */
export type TrainProgress = {
  /** From 0. */
  readonly step: number;
} & (
  | {
      /** Prompts are sampled. */
      readonly phase: 'rollout';
      /** After a token; absent when the phase starts. */
      readonly detail?: RolloutProgress;
    }
  | {
      /** Samples are scored by the rewards. */
      readonly phase: 'reward';
    }
  | {
      /** Samples are scored by the reference. */
      readonly phase: 'reference';
    }
  | {
      /** A checkpoint is written. */
      readonly phase: 'save';
    }
  | {
      /** The policy is updated. */
      readonly phase: 'update';
      /** After a backward pass; absent when the phase starts. */
      readonly detail?: UpdateProgress;
    }
);

/** What to train, on what, and how. */
export interface TrainOptions<P, C> {
  /** Updated in place. Only levels that this very object sampled are trained. */
  readonly policy: Policy<C>;
  /** Samples from the policy: `biLevelRollout`, `oneLevelRollout` or your own. */
  readonly rollout: RolloutFunction<P, C>;
  /** A reward or a `rewardEnsemble`. */
  readonly reward: RewardFunction<P>;
  /** Visited in shuffled epochs. Not empty. */
  readonly prompts: readonly P[];
  /** Where to stop: the steps of the whole run, those before `startStep` included. */
  readonly steps: number;
  /** What is optimised: a preset, `t2iR1()` for one, or your own. */
  readonly objective: Objective;
  /** G: samples per prompt, at least 2. Default 8. */
  readonly groupSize?: number;
  /** B. Default 4. */
  readonly promptsPerStep?: number;
  /** A number stays the same; a schedule gives one for each step. */
  readonly learningRate: number | Schedule;
  /** Default `adamW()`, disposed at the end. One that is passed in stays the caller's. */
  readonly optimizer?: Optimizer;
  /**
   * What the KL penalty pulls towards. Default: the policy as it is at the first step, disposed at the end. One
   * that is passed in stays the caller's; pass the original one when a run is resumed.
   */
  readonly reference?: Reference<C>;
  /** Gradients are scaled down to this global norm. Default 1, as T2I-R1. */
  readonly maxGradNorm?: number;
  /** Samples per backward pass: memory, not results. Default 16. */
  readonly microBatch?: number;
  /** Updates made with each rollout. More than 1 wants an objective that clips. Default 1. */
  readonly updatesPerRollout?: number;
  /**
   * The most that `|ratio − 1|` may be before the first update of a rollout: beyond it, what is trained is not
   * what was sampled, and training stops with an error. `Infinity` for rollouts by an older policy. Default 0.1.
   */
  readonly ratioTolerance?: number;
  /** Where adaptive coefficients stand, when a run is resumed: `TrainStep.coefficients` of its last step. Default: at their start. */
  readonly coefficients?: Coefficients;
  /** Default 0. */
  readonly seed?: number;
  /** The first step: with weights and optimiser restored, the run goes on as if never stopped. Default 0. */
  readonly startStep?: number;
  /** Ends the training with an error of code `aborted`, after the last step that was made is saved, if there are checkpoints. */
  readonly signal?: AbortSignal;
  /** The run is saved there as it goes: weights, optimiser, average, coefficients, position. Default: not. */
  readonly checkpoints?: CheckpointOptions;
  /** Whether it goes on from there, bit for bit as if it had never stopped. Default `never`. */
  readonly resume?: Resume;
  /** Average the weights over the steps, for evaluations: `TrainStep.ema`. Default: not. */
  readonly ema?: EmaOptions;
  /**
   * Who rolls out, scores the reference and computes gradients: a source such as `bullmq({ … })`, `workerThreads({ … })` or
   * `inProcess()`, whose executor ends with the training; or an executor that was made, which stays the caller's. Results
   * do not depend on it. Default: this thread, without detours.
   */
  readonly executor?: Executor<C> | ExecutorSource;
  /**
   * Short for `executor: workerThreads({ … })`: workers that each have a copy of the policy. `backend` and `tasks` let them
   * sample on one backend while this thread trains on another. Needs `policy.recipe`. A pool made with `workerPool` may stand
   * here too. Default: as `executor` says.
   */
  readonly parallel?: ParallelOptions | WorkerPool<C>;
  /**
   * How many updates older than the policy a rollout's weights are: rollouts of later steps are made while this one is
   * trained on. Always exactly so many (fewer in the first steps), so that a run can be repeated; a resumed one begins with
   * fresh weights. Needs an executor that keeps older weights (`bullmq`), and changes the default of `ratioTolerance` to
   * `Infinity`. Default 0.
   */
  readonly staleness?: number;
  /** When the training monitor speaks; `false` switches it off. Default: its own thresholds (`trainingMonitor`). */
  readonly monitor?: MonitorOptions | false;
  /** Told of every step, one after the other. Default: none. */
  readonly loggers?: readonly Logger<P, C>[];
  /** Called with each finding of the monitor, when its step is made. `TrainStep.findings` has them too. */
  readonly onFinding?: (finding: Finding) => void;
  /** Called when a phase starts, after every sampled token and after every backward pass. */
  readonly onProgress?: (progress: TrainProgress) => void;
}

const OPTIONS: readonly string[] = [
  ...(['policy', 'rollout', 'reward', 'prompts', 'steps', 'objective', 'learningRate'] as const),
  ...(['groupSize', 'promptsPerStep', 'optimizer', 'reference', 'maxGradNorm', 'microBatch'] as const),
  ...(['updatesPerRollout', 'ratioTolerance', 'coefficients', 'seed', 'startStep', 'signal'] as const),
  ...(['checkpoints', 'resume', 'ema', 'parallel', 'executor', 'staleness'] as const),
  ...(['monitor', 'loggers', 'onFinding', 'onProgress'] as const),
] satisfies (keyof TrainOptions<unknown, unknown>)[];

/** Options that may stay absent. */
type Absent =
  | ('optimizer' | 'reference' | 'signal' | 'checkpoints' | 'ema')
  | ('executor' | 'onFinding' | 'onProgress');

/** Options with every default filled in; `optimizer` and `reference` are made later, so that they can be freed. */
export interface TrainSettings<P, C>
  extends Required<Omit<TrainOptions<P, C>, Absent | 'parallel'>>,
    Pick<TrainOptions<P, C>, Absent> {
  /** A number has become a schedule that stays the same. */
  readonly learningRate: Schedule;
}

/**
 * Fills in defaults and refuses what can't work.
 * @throws BicotError `empty-prompts`, `group-size` or `value`
 */
export function trainSettings<P, C>(options: TrainOptions<P, C>): TrainSettings<P, C> {
  assertKnownOptions('train', options, OPTIONS);
  const { learningRate, parallel, ...rest } = options;
  const settings = {
    ...rest,
    executor: executorIn(options),
    staleness: options.staleness ?? 0,
    groupSize: options.groupSize ?? 8,
    promptsPerStep: options.promptsPerStep ?? 4,
    maxGradNorm: options.maxGradNorm ?? 1,
    microBatch: options.microBatch ?? 16,
    updatesPerRollout: options.updatesPerRollout ?? 1,
    ratioTolerance: options.ratioTolerance ?? (options.staleness ? Number.POSITIVE_INFINITY : 0.1),
    seed: options.seed ?? 0,
    startStep: options.startStep ?? 0,
    coefficients: options.coefficients ?? {},
    monitor: options.monitor ?? {},
    loggers: options.loggers ?? [],
    resume: options.resume ?? 'never',
    learningRate: typeof learningRate === 'number' ? constant(learningRate) : learningRate,
  };
  const { prompts, groupSize, steps, startStep, ratioTolerance } = settings;
  if (prompts.length === 0) {
    throw new BicotError('empty-prompts', 'train: there are no prompts. Pass at least one.');
  }
  if (!Number.isInteger(groupSize) || groupSize < 2) {
    throw new BicotError(
      'group-size',
      `train: groupSize is ${groupSize}, but an advantage compares samples of one prompt, so it must be a whole number of at least 2. 8 is usual.`,
    );
  }
  assertCount('train', 'steps', steps, 1);
  assertCount('train', 'startStep', startStep, 0);
  assertCount('train', 'promptsPerStep', settings.promptsPerStep, 1);
  assertCount('train', 'microBatch', settings.microBatch, 1);
  assertCount('train', 'updatesPerRollout', settings.updatesPerRollout, 1);
  assertMaxNorm(settings.maxGradNorm);
  assertCount('train', 'staleness', settings.staleness, 0);
  // Bad thresholds fail here and not in the first step.
  if (settings.monitor !== false) trainingMonitor(settings.monitor);
  if (!(ratioTolerance > 0)) {
    throw new BicotError('value', `train: ratioTolerance is ${ratioTolerance}, but must be above 0.`);
  }
  checkResume(options);
  if (settings.ema) checkEma('train: ema', settings.ema);
  // A bad objective fails here and not after the first rollout; '' stands for levels without settings of their own.
  const { objective } = settings;
  for (const name of ['', ...Object.keys(objective.levels ?? {})]) levelObjective(objective, name);
  return settings;
}

/** Who computes, by whichever of its two names. */
function executorIn<P, C>({
  executor,
  parallel,
  policy,
}: TrainOptions<P, C>): Executor<C> | ExecutorSource | undefined {
  if (executor && parallel) {
    throw new BicotError(
      'value',
      'train: there are both executor and parallel, which is short for executor: workerThreads(…). Drop one of them.',
    );
  }
  const given = parallel && !isExecutor<C>(parallel) ? workerThreads(parallel) : (executor ?? parallel);
  if (given) assertExecutor<C>('train', executor ? 'executor' : 'parallel', given as Executor<C>, policy);
  return given as Executor<C> | ExecutorSource | undefined;
}

function checkResume<P, C>({ resume, checkpoints, startStep, coefficients }: TrainOptions<P, C>): void {
  if (checkpoints) checkpointSettings(checkpoints);
  if (resume === undefined) return;
  if (!['never', 'auto', 'must'].includes(resume)) {
    throw new BicotError(
      'value',
      `train: resume is ${JSON.stringify(resume)}; use 'never', 'auto' (go on where there is a checkpoint) or 'must'.`,
    );
  }
  if (resume === 'never') return;
  if (!checkpoints) {
    throw new BicotError(
      'value',
      `train: resume is '${resume}', but there are no checkpoints to go on from. Pass checkpoints: { folder }.`,
    );
  }
  if (startStep !== undefined || coefficients !== undefined) {
    throw new BicotError(
      'value',
      `train: resume '${resume}' takes the first step and the coefficients from the checkpoint; drop ${startStep === undefined ? 'coefficients' : 'startStep'}, or resume.`,
    );
  }
}
