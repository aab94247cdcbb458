import { backendTraits } from '../backends/traits.js';
import { BicotError } from '../errors.js';
import type { Policy } from '../policy/policy.js';
import type { Reference } from '../policy/reference.js';
import { recipeOf } from '../recipe.js';
import type { LevelTerms } from '../rollout/terms.js';
import type { LevelRollout } from '../rollout/types.js';
import { type SampleFunction, sampleCompletions } from '../sampling/sampler.js';
import { type Crew, runTask } from './crew.js';
import { gradientMemory, type PooledPass } from './gradient-memory.js';
import { checkParallel, type ParallelOptions, WORKER_TASKS, type WorkerTask } from './options.js';
import { postedLevel, postedTerms } from './posted.js';
import { taskQueue } from './queue.js';
import { sampleInWorkers } from './sample.js';
import { sharedWeights } from './shared-weights.js';
import { spawner } from './thread.js';

/** What a task of a pool may be told. */
export interface PoolTaskOptions {
  /** Rejects the task right away with an error of code `aborted`; the pool stays usable. */
  readonly signal?: AbortSignal;
}

/** What a scoring may be told. */
export interface PoolScoreOptions<C> extends PoolTaskOptions {
  /** A snapshot of the pool's policy whose weights score. Default: the policy's present ones. */
  readonly reference?: Reference<C>;
}

/**
 * Threads that each hold a copy of one policy. They see its weights as they are when a task is given; keep them unchanged
 * until its promise settles. All functions can be taken out of the object.
 */
export interface WorkerPool<C = unknown> {
  /** Whose copies work. */
  readonly policy: Policy<C>;
  readonly workers: number;
  /** What `train` and `evaluate` leave to the workers. The functions below do theirs whatever is listed. */
  readonly tasks: readonly WorkerTask[];
  /** As `sampleCompletions`, in chunks of `rowsPerTask` rows. Samples other policies in the calling thread. */
  readonly sample: SampleFunction;
  /**
   * Log-probs of a level's rows, `[R · T]`; one task.
   * @throws BicotError `unsupported` if the level or the reference is another policy's
   */
  readonly score: (level: LevelRollout<C>, options?: PoolScoreOptions<C>) => Promise<Float32Array>;
  /**
   * Loss, log-probs and gradients of some rows, on the host; one task. `release()` what is not read any more.
   * @throws BicotError `unsupported` if the level is another policy's, or the surrogate has no recipe
   */
  readonly gradients: (terms: LevelTerms<C>, options?: PoolTaskOptions) => Promise<PooledPass>;
  /** Ends the threads; tasks under way are rejected. Safe to call twice. */
  readonly dispose: () => Promise<void>;
}

/**
 * Starts workers for a policy.
 * @param policy has a `recipe`; it stays the caller's
 * @returns the caller disposes it
 * @throws BicotError `unsupported` without a recipe; `value` for options, or a recipe that makes another policy;
 * `worker` if the threads can't be started; `backend`; what the recipe throws
 */
export async function workerPool<C>(policy: Policy<C>, options: ParallelOptions): Promise<WorkerPool<C>> {
  checkParallel(options);
  const recipe = recipeOf('the policy', policy);
  const weights = sharedWeights(policy.variables);
  const queue = await taskQueue(options.spawn ?? spawner(options.entry), options.workers, {
    kind: 'init',
    policy: recipe,
    backend: options.backend ?? backendTraits().name,
    layout: weights.layout,
  });
  const { rowsPerTask = 16 } = options;
  const crew: Crew = {
    variables: policy.variables,
    queue,
    weights,
    rowsPerTask,
    publishing: Promise.resolve(),
  };
  const memory = gradientMemory(weights.layout);
  const isOwn = (other: unknown): boolean => other === policy;
  return {
    policy,
    workers: options.workers,
    tasks: [...new Set(options.tasks ?? WORKER_TASKS)],
    sample: (other, request) =>
      isOwn(other) ? sampleInWorkers(crew, other, request) : sampleCompletions(other, request),
    score: async (level, { reference, signal } = {}) => {
      assertOwn('score: the level', isOwn(level.policy));
      assertOwn('score: the reference', !reference || isOwn(reference.snapshotOf));
      const task = { kind: 'score', level: postedLevel(level) } as const;
      return reference
        ? runTask(crew, 'reference', task, { signal }, reference.weights)
        : runTask(crew, 'policy', task, { signal });
    },
    gradients: async (terms, { signal } = {}) => {
      assertOwn('gradients: the level', isOwn(terms.level.policy));
      const posted = postedTerms(terms);
      // Memory of a task that fails or is aborted is given up: its worker may still write there.
      const own = memory.take();
      const task = { kind: 'gradients', terms: posted, memory: own } as const;
      return memory.passIn(own, await runTask(crew, 'policy', task, { signal }));
    },
    dispose: () => queue.dispose(),
  };
}

/** The pool, if such tasks are left to its workers. */
export function poolDoing<C>(task: WorkerTask, pool: WorkerPool<C> | undefined): WorkerPool<C> | undefined {
  return pool?.tasks.includes(task) ? pool : undefined;
}

/** Whether something is a pool, and not options for one. */
export function isWorkerPool<C>(parallel: ParallelOptions | WorkerPool<C>): parallel is WorkerPool<C> {
  return typeof (parallel as Partial<WorkerPool<C>> | null)?.sample === 'function';
}

/** The pool itself, or one that is made for the policy; the caller disposes it then. */
export async function poolOf<C>(
  policy: Policy<C>,
  parallel: ParallelOptions | WorkerPool<C>,
): Promise<WorkerPool<C>> {
  return isWorkerPool(parallel) ? parallel : workerPool(policy, parallel);
}

/**
 * Throws unless workers can be made for a policy, or have been.
 * @throws BicotError `value`, or `unsupported` without a recipe
 */
export function assertParallel<C>(
  where: string,
  parallel: ParallelOptions | WorkerPool<C>,
  policy: Policy<C>,
): void {
  if (!isWorkerPool(parallel)) {
    checkParallel(parallel);
    recipeOf('the policy', policy);
  } else if (parallel.policy !== policy) {
    throw new BicotError(
      'value',
      `${where}: parallel is a pool of another policy, so its workers could do nothing. Make it with workerPool(policy, …) of this policy.`,
    );
  }
}

function assertOwn(what: string, own: boolean): void {
  if (own) return;
  throw new BicotError(
    'unsupported',
    `workerPool.${what} is of another policy than the pool. Workers hold copies of one policy: make a pool of the other one, or compute it in this thread (levelLogProbs, reference.logProbs).`,
  );
}
