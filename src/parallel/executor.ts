import { BicotError } from '../errors.js';
import type { Policy } from '../policy/policy.js';
import type { Reference } from '../policy/reference.js';
import type { EnsembleResult } from '../rewards/ensemble/result.js';
import type { RewardCall, Sample } from '../rewards/reward.js';
import type { LevelTerms } from '../rollout/terms.js';
import type { LevelRollout } from '../rollout/types.js';
import type { SampleFunction } from '../sampling/sampler.js';
import type { PooledPass } from './gradient-memory.js';
import type { WorkerTask } from './options.js';

/** What an executor may do in a training: what workers do, and `reward` where it can compute the rewards too. */
export type ExecutorTask = WorkerTask | 'reward';

/** What a task of an executor may be told. */
export interface PoolTaskOptions {
  /** Rejects the task right away with an error of code `aborted`; the executor stays usable. */
  readonly signal?: AbortSignal;
}

/** What a scoring may be told. */
export interface PoolScoreOptions<C> extends PoolTaskOptions {
  /** A snapshot of the executor's policy whose weights score. Default: the policy's present ones. */
  readonly reference?: Reference<C>;
}

/** The policy's weights of one moment, with which rollouts are made while it is trained on. */
export interface WeightSnapshot {
  /** As `Executor.sample`, with the weights of that moment. */
  readonly sample: SampleFunction;
  /** Lets go of the weights. To be called once nothing is sampled with them any more. Safe to call twice. */
  release(): void;
}

/**
 * Who makes rollouts, scores and gradients of one policy: this thread (`inProcess`), threads (`workerPool`), or processes
 * on any number of machines (`bullmq`). All give the same bits on the same backend, because what they are given is cut
 * independent of who and how many they are, and random numbers are drawn by who asks.
 *
 * They see the policy's weights as they are when a task is given; keep them unchanged until its promise settles. All
 * functions can be taken out of the object.
 */
export interface Executor<C = unknown> {
  /** Whose rollouts and gradients it makes. */
  readonly policy: Policy<C>;
  /** Tasks that can be under way at once. May change. */
  readonly workers: number;
  /** What `train` and `evaluate` leave to it. The functions below do theirs whatever is listed. */
  readonly tasks: readonly ExecutorTask[];
  /** As `sampleCompletions`. Samples other policies in the calling thread. */
  readonly sample: SampleFunction;
  /**
   * Log-probs of a level's rows, `[R · T]`; one task.
   * @throws BicotError `unsupported` if the level or the reference is another policy's
   */
  readonly score: (level: LevelRollout<C>, options?: PoolScoreOptions<C>) => Promise<Float32Array>;
  /**
   * Loss, log-probs and gradients of some rows, on the host; one task. `release()` what is not read any more.
   * @throws BicotError `unsupported` if the level is another policy's, or the surrogate can't be made elsewhere
   */
  readonly gradients: (terms: LevelTerms<C>, options?: PoolTaskOptions) => Promise<PooledPass>;
  /** As `evaluateReward` with the reward that the executor's workers have. Absent where they have none. */
  readonly reward?: (samples: readonly Sample[], call?: RewardCall) => Promise<EnsembleResult>;
  /** Keeps the present weights for later rollouts, for `train({ staleness })`. Absent where there is only one set of weights. */
  readonly snapshot?: () => Promise<WeightSnapshot>;
  /** Ends what it started; tasks under way are rejected. Safe to call twice. */
  readonly dispose: () => Promise<void>;
}

/** What a source may be told when it starts. */
export interface ExecutorStart {
  /** Ends the start with an error of code `aborted`. */
  readonly signal?: AbortSignal;
}

/** Makes an executor once the policy is known: `bullmq({ … })`, `workerThreads({ … })`, `inProcess()`. */
export interface ExecutorSource {
  /** For errors. */
  readonly name: string;
  /**
   * Makes the executor of a policy.
   * @param policy stays the caller's
   * @returns the caller disposes it
   */
  readonly start: <C>(policy: Policy<C>, options?: ExecutorStart) => Promise<Executor<C>>;
  /**
   * Throws unless the source can serve a policy, before anything is made.
   * @throws BicotError
   */
  readonly check?: (policy: Policy<never>) => void;
}

/** The executor, if such tasks are left to it. */
export function poolDoing<C>(task: ExecutorTask, pool: Executor<C> | undefined): Executor<C> | undefined {
  return pool?.tasks.includes(task) ? pool : undefined;
}

/** Whether something is an executor, and not options or a source for one. */
export function isExecutor<C>(given: object | null): given is Executor<C> {
  return typeof (given as Partial<Executor<C>> | null)?.sample === 'function';
}

/**
 * Throws unless an executor or a source can serve a policy.
 * @param option its name, for errors
 * @throws BicotError `value`; what the source's check throws
 */
export function assertExecutor<C>(
  where: string,
  option: string,
  executor: Executor<C> | ExecutorSource,
  policy: Policy<C>,
): void {
  if (isExecutor<C>(executor)) {
    if (executor.policy === policy) return;
    throw new BicotError(
      'value',
      `${where}: ${option} is a pool of another policy, so its workers could do nothing. Make it with workerPool(policy, …) of this policy.`,
    );
  }
  if (typeof (executor as Partial<ExecutorSource> | null)?.start !== 'function') {
    throw new BicotError(
      'value',
      `${where}: ${option} is ${JSON.stringify(executor)}, but must be an executor (workerPool) or a source of one (bullmq, workerThreads, inProcess).`,
    );
  }
  executor.check?.(policy as Policy<never>);
}

/** @throws BicotError `unsupported` unless something is of an executor's own policy */
export function assertOwnPolicy(what: string, own: boolean): void {
  if (own) return;
  throw new BicotError(
    'unsupported',
    `${what} is of another policy than the pool. Workers hold copies of one policy: make a pool of the other one, or compute it in this thread (levelLogProbs, reference.logProbs).`,
  );
}
