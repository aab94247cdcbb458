import { tensorOfNow } from '../backends/host-memory.js';
import { type Executor, poolDoing } from '../parallel/executor.js';
import { inOrder } from '../parallel/in-order.js';
import type { HostPass } from '../parallel/protocol.js';
import type { NamedVariables, Policy } from '../policy/policy.js';
import { selectTerms } from '../rollout/terms.js';
import type { Gradients } from './gradients.js';
import { throwIfAborted } from './guards.js';
import type { LevelBatch } from './levels.js';
import { gradientPass, type LevelPass, scorePass } from './pass.js';
import type { PlannedPass } from './plan.js';

/** The passes over a level. */
export interface LevelPlan<C> {
  readonly batch: LevelBatch<C>;
  readonly passes: readonly PlannedPass[];
}

/** How passes are made. */
export interface PassOptions<C> {
  /** For errors. */
  readonly where: string;
  readonly signal?: AbortSignal;
  /** Workers of the policy, which then make the passes if gradients are a task of theirs. */
  readonly pool?: Executor<C>;
}

/**
 * Passes given to workers before the first of them is taken, for each worker: one that is computed and one that waits,
 * so that none is idle, and so that no more gradients than these are held.
 */
export const TASKS_PER_WORKER = 2;

/**
 * The results of all passes of all levels, in order; who gets one disposes its gradients. In this thread one after the
 * other, each when it is asked for; in workers side by side.
 */
export async function* runPasses<C>(
  policy: Policy<C>,
  plans: readonly LevelPlan<C>[],
  options: PassOptions<C>,
): AsyncGenerator<LevelPass, void, undefined> {
  const { where, signal } = options;
  // Passes that go forward only too: all log-probs of an update come from one backend.
  const pool = poolDoing('gradients', options.pool);
  const items = plans.flatMap(({ batch, passes }) => passes.map((pass) => ({ batch, ...pass })));
  if (!pool) {
    for (const { batch, rows, width, gradients } of items) {
      throwIfAborted(where, signal);
      const terms = selectTerms(batch, rows, width);
      yield gradients ? await gradientPass(terms, policy.variables) : await scorePass(terms);
    }
    return;
  }
  const inWorker = async (item: (typeof items)[0], abort: AbortSignal) => {
    const terms = selectTerms(item.batch, item.rows, item.width);
    if (item.gradients) return pool.gradients(terms, { signal: abort });
    const logProbs = await pool.score(terms.level, { signal: abort });
    return { loss: 0, logProbs, gradients: {}, release: () => {} };
  };
  throwIfAborted(where, signal);
  try {
    for await (const pass of inOrder(items, () => TASKS_PER_WORKER * pool.workers, inWorker, signal)) {
      const gradients = onDevice(pass.gradients, policy.variables);
      pass.release();
      yield { loss: pass.loss, logProbs: pass.logProbs, gradients };
    }
  } catch (error) {
    throwIfAborted(where, signal);
    throw error;
  }
}

function onDevice(gradients: HostPass['gradients'], variables: NamedVariables): Gradients {
  return Object.fromEntries(
    Object.entries(gradients).map(([name, values]) => [
      name,
      tensorOfNow(values, variables[name]?.shape ?? [values.length]),
    ]),
  );
}
