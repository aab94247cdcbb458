import type * as tf from '@tensorflow/tfjs';
import { type Executor, poolDoing } from '../parallel/executor.js';
import { inOrder } from '../parallel/in-order.js';
import type { Policy } from '../policy/policy.js';
import type { Reference } from '../policy/reference.js';
import { selectRows } from '../rollout/groups.js';
import { levelLogProbs } from '../rollout/level-log-probs.js';
import type { LevelRollout } from '../rollout/types.js';
import { scatterHostRows } from '../tensor/host-rows.js';
import { assertNoNaN, throwIfAborted } from './guards.js';
import { microBatches } from './micro-batch.js';
import { TASKS_PER_WORKER } from './passes.js';

/** How rows are scored without gradients. */
export interface ScoreOptions<C = unknown> {
  /** Samples scored at once. */
  readonly microBatch: number;
  /** Compute every row at the level's full width, padding included, for measurements of what padding does. Default false. */
  readonly padded?: boolean;
  /** Workers, which then score the levels of their policy, if that is a task of theirs. Default: this thread does. */
  readonly pool?: Executor<C>;
  readonly signal?: AbortSignal;
  /** For errors. */
  readonly where: string;
}

/** Log-probs of a level's rows under the policy that sampled it, `[R · T]` on the host. */
export function policyLogProbs<C>(level: LevelRollout<C>, options: ScoreOptions<C>): Promise<Float32Array> {
  const pool = options.pool?.policy === level.policy ? poolDoing('score', options.pool) : undefined;
  return score(level, { ...options, pool }, 'the policy', (rows, signal) =>
    pool ? pool.score(rows, { signal }) : read(levelLogProbs(rows)),
  );
}

/** Log-probs of a level's rows under the frozen weights, `[R · T]` on the host. */
export function referenceLogProbs<C>(
  level: LevelRollout<C>,
  reference: Reference<C>,
  options: ScoreOptions<C>,
): Promise<Float32Array> {
  // A reference that is a policy of its own is not the workers' to compute.
  const theirs = [level.policy, reference.snapshotOf].every((policy) => policy === options.pool?.policy);
  const pool = theirs ? poolDoing('score', options.pool) : undefined;
  return score(level, { ...options, pool }, 'the reference', (rows, signal) =>
    pool
      ? pool.score(rows, { reference, signal })
      : read(reference.run((frozen: Policy<C>) => levelLogProbs(rows, { policy: frozen }))),
  );
}

async function read(logProbs: tf.Tensor2D): Promise<Float32Array> {
  try {
    return (await logProbs.data()) as Float32Array;
  } finally {
    logProbs.dispose();
  }
}

async function score<C>(
  level: LevelRollout<C>,
  { microBatch, padded, pool, signal, where }: ScoreOptions<C>,
  whose: string,
  logProbs: (rows: LevelRollout<C>, signal: AbortSignal) => Promise<Float32Array>,
): Promise<Float32Array> {
  const { rows, width, lengths } = level.completion;
  const scored = new Float32Array(rows * width);
  const parts = microBatches(lengths, microBatch / level.samplesPerRow).map((part) =>
    padded ? { ...part, width } : part,
  );
  const compute = async (part: (typeof parts)[0], abort: AbortSignal): Promise<Float32Array> => {
    throwIfAborted(where, signal);
    return logProbs(selectRows(level, part.rows, part.width), abort);
  };
  let done = 0;
  try {
    for await (const values of inOrder(
      parts,
      pool ? () => TASKS_PER_WORKER * pool.workers : 1,
      compute,
      signal,
    )) {
      const part = parts[done++] as (typeof parts)[0];
      assertNoNaN(where, whose, level.name, values);
      scatterHostRows(scored, width, part.rows, values, part.width);
    }
  } catch (error) {
    throwIfAborted(where, signal);
    throw error;
  }
  return scored;
}
