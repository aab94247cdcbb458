import { backendTraits } from '../backends/traits.js';
import type { Policy } from '../policy/policy.js';
import { recipeOf } from '../recipe.js';
import { sampleCompletions } from '../sampling/sampler.js';
import { type Crew, runTask } from './crew.js';
import { assertOwnPolicy, type Executor, type ExecutorSource, isExecutor } from './executor.js';
import { gradientMemory } from './gradient-memory.js';
import { checkParallel, type ParallelOptions, WORKER_TASKS, type WorkerTask } from './options.js';
import { postedLevel, postedTerms } from './posted.js';
import { taskQueue } from './queue.js';
import { type ChunkSampler, sampleByTasks } from './sample.js';
import { sharedWeights } from './shared-weights.js';
import { spawner } from './thread.js';

/** Threads that each hold a copy of one policy; `sample` gives them chunks of `rowsPerTask` rows. */
export interface WorkerPool<C = unknown> extends Executor<C> {
  /** Threads. */
  readonly workers: number;
  /** What `train` and `evaluate` leave to the workers. The functions do theirs whatever is listed. */
  readonly tasks: readonly WorkerTask[];
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
    publishing: Promise.resolve(),
  };
  const inWorkers: ChunkSampler = {
    name: 'workerPool.sample',
    rowsPerTask,
    sample: (chunk, options) => runTask(crew, 'policy', { kind: 'sample', request: chunk }, options),
  };
  const memory = gradientMemory(weights.layout);
  const isOwn = (other: unknown): boolean => other === policy;
  return {
    policy,
    workers: options.workers,
    tasks: [...new Set(options.tasks ?? WORKER_TASKS)],
    sample: (other, request) =>
      isOwn(other) ? sampleByTasks(inWorkers, other, request) : sampleCompletions(other, request),
    score: async (level, { reference, signal } = {}) => {
      assertOwnPolicy('workerPool.score: the level', isOwn(level.policy));
      assertOwnPolicy('workerPool.score: the reference', !reference || isOwn(reference.snapshotOf));
      const task = { kind: 'score', level: postedLevel(level) } as const;
      return reference
        ? runTask(crew, 'reference', task, { signal }, reference.weights)
        : runTask(crew, 'policy', task, { signal });
    },
    gradients: async (terms, { signal } = {}) => {
      assertOwnPolicy('workerPool.gradients: the level', isOwn(terms.level.policy));
      const posted = postedTerms(terms);
      // Memory of a task that fails or is aborted is given up: its worker may still write there.
      const own = memory.take();
      const task = { kind: 'gradients', terms: posted, memory: own } as const;
      return memory.passIn(own, await runTask(crew, 'policy', task, { signal }));
    },
    dispose: () => queue.dispose(),
  };
}

/**
 * Threads as a source: a pool is made once there is a policy, and ends with who had it made. `train({ parallel: { workers } })`
 * is short for `train({ executor: workerThreads({ workers }) })`.
 * @throws BicotError `value` for options
 */
export function workerThreads(options: ParallelOptions): ExecutorSource {
  checkParallel(options);
  return {
    name: 'workerThreads',
    start: (policy) => workerPool(policy, options),
    check: (policy) => void recipeOf('the policy', policy),
  };
}

/** Whether something is a pool, or another executor, and not options for one. */
export function isWorkerPool<C>(parallel: ParallelOptions | WorkerPool<C>): parallel is WorkerPool<C> {
  return isExecutor<C>(parallel);
}
