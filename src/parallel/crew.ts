import type { TaskOf, TaskResults, WeightSet } from './protocol.js';
import type { TaskOptions, TaskQueue } from './queue.js';
import type { NamedTensors, SharedWeights } from './shared-weights.js';

/** What a pool's functions work with. */
export interface Crew {
  /** Of the policy. */
  readonly variables: NamedTensors;
  readonly queue: TaskQueue;
  readonly weights: SharedWeights;
  /** Publications wait for each other. */
  publishing: Promise<void>;
}

/**
 * Runs a task with the present weights of a set.
 * @param tensors the set's values; default the policy's variables
 */
export async function runTask<K extends keyof TaskResults>(
  crew: Crew,
  set: WeightSet,
  task: TaskOf<K>,
  options: TaskOptions = {},
  tensors: NamedTensors = crew.variables,
): Promise<TaskResults[K]> {
  let result: Promise<TaskResults[K]> | undefined;
  const turn = crew.publishing.then(async () => {
    if (crew.weights.differs(set, tensors)) {
      // A worker may be reading the values before.
      await crew.queue.idle();
      await crew.weights.publish(set, tensors);
    }
    const weights = crew.weights.current(set);
    if (weights) result = crew.queue.run(task, weights, options);
    // Who waits for it is below, and not the next turn.
    result?.catch(() => {});
  });
  crew.publishing = turn.catch(() => {});
  await turn;
  return result as unknown as Promise<TaskResults[K]>;
}
