import * as tf from '@tensorflow/tfjs';
import { readInto } from '../backends/host-memory.js';
import { assertOwnPolicy, type Executor, type ExecutorSource } from '../parallel/executor.js';
import { WORKER_TASKS } from '../parallel/options.js';
import type { Policy } from '../policy/policy.js';
import { levelLogProbs } from '../rollout/level-log-probs.js';
import { sampleCompletions } from '../sampling/sampler.js';
import { throwIfAborted } from './guards.js';
import { gradientPass } from './pass.js';

/**
 * The executor that is this thread: the same interface as workers have, and none of them. `train` without an executor gives
 * the same bits and spares the way over the host; this one is for programs that take any executor, and for comparisons.
 */
export function inProcess(): ExecutorSource {
  return { name: 'inProcess', start: async (policy) => inThisThread(policy) };
}

function inThisThread<C>(policy: Policy<C>): Executor<C> {
  const isOwn = (other: unknown): boolean => other === policy;
  return {
    ...{ policy, workers: 1, tasks: WORKER_TASKS, sample: sampleCompletions },
    score: async (level, { reference, signal } = {}) => {
      assertOwnPolicy('inProcess, score: the level', isOwn(level.policy));
      assertOwnPolicy('inProcess, score: the reference', !reference || isOwn(reference.snapshotOf));
      throwIfAborted('inProcess', signal);
      const scored = reference
        ? reference.run((frozen) => levelLogProbs(level, { policy: frozen }))
        : levelLogProbs(level);
      try {
        return (await scored.data()).slice() as Float32Array;
      } finally {
        scored.dispose();
      }
    },
    gradients: async (terms, { signal } = {}) => {
      assertOwnPolicy('inProcess, gradients: the level', isOwn(terms.level.policy));
      throwIfAborted('inProcess', signal);
      const { gradients, ...pass } = await gradientPass(terms, policy.variables);
      try {
        const read: Record<string, Float32Array> = {};
        for (const [name, gradient] of Object.entries(gradients)) {
          read[name] = new Float32Array(gradient.size);
          await readInto(gradient, read[name]);
        }
        return { ...pass, gradients: read, release: () => {} };
      } finally {
        tf.dispose(gradients as tf.NamedTensorMap);
      }
    },
    dispose: async () => {},
  };
}
