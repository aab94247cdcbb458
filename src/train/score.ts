import type { Policy } from '../policy/policy.js';
import type { Reference } from '../policy/reference.js';
import { levelLogProbs, type RowRange } from '../rollout/level-log-probs.js';
import type { LevelRollout } from '../rollout/types.js';
import { assertNoNaN, throwIfAborted } from './guards.js';
import { rowRanges } from './micro-batch.js';

/** How rows are scored without gradients. */
export interface ScoreOptions {
  /** Samples scored at once. */
  readonly microBatch: number;
  readonly signal?: AbortSignal;
  /** For errors. */
  readonly where: string;
}

/** Log-probs of a level's rows under the policy that sampled it, `[R · T]` on the host. */
export function policyLogProbs<C>(level: LevelRollout<C>, options: ScoreOptions): Promise<Float32Array> {
  return score(level, options, 'the policy', (range) => levelLogProbs(level, range));
}

/** Log-probs of a level's rows under the frozen weights, `[R · T]` on the host. */
export function referenceLogProbs<C>(
  level: LevelRollout<C>,
  reference: Reference<C>,
  options: ScoreOptions,
): Promise<Float32Array> {
  return score(level, options, 'the reference', (range) =>
    reference.run((frozen: Policy<C>) => levelLogProbs(level, { ...range, policy: frozen })),
  );
}

async function score<C>(
  level: LevelRollout<C>,
  options: ScoreOptions,
  whose: string,
  logProbs: (range: RowRange) => ReturnType<typeof levelLogProbs>,
): Promise<Float32Array> {
  const { rows, width } = level.completion;
  const scored = new Float32Array(rows * width);
  for (const range of rowRanges(rows, options.microBatch / level.samplesPerRow)) {
    throwIfAborted(options.where, options.signal);
    const values = logProbs(range); // [rows of the range, T]
    try {
      const own = await values.data();
      assertNoNaN(options.where, whose, level.name, own);
      scored.set(own, range.begin * width);
    } finally {
      values.dispose();
    }
  }
  return scored;
}
