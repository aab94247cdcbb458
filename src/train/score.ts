import type * as tf from '@tensorflow/tfjs';
import type { Policy } from '../policy/policy.js';
import type { Reference } from '../policy/reference.js';
import { selectRows } from '../rollout/groups.js';
import { levelLogProbs } from '../rollout/level-log-probs.js';
import type { LevelRollout } from '../rollout/types.js';
import { scatterHostRows } from '../tensor/host-rows.js';
import { assertNoNaN, throwIfAborted } from './guards.js';
import { microBatches } from './micro-batch.js';

/** How rows are scored without gradients. */
export interface ScoreOptions {
  /** Samples scored at once. */
  readonly microBatch: number;
  /** Compute every row at the level's full width, padding included, for measurements of what padding does. Default false. */
  readonly padded?: boolean;
  readonly signal?: AbortSignal;
  /** For errors. */
  readonly where: string;
}

/** Log-probs of a level's rows under the policy that sampled it, `[R · T]` on the host. */
export function policyLogProbs<C>(level: LevelRollout<C>, options: ScoreOptions): Promise<Float32Array> {
  return score(level, options, 'the policy', levelLogProbs);
}

/** Log-probs of a level's rows under the frozen weights, `[R · T]` on the host. */
export function referenceLogProbs<C>(
  level: LevelRollout<C>,
  reference: Reference<C>,
  options: ScoreOptions,
): Promise<Float32Array> {
  return score(level, options, 'the reference', (rows) =>
    reference.run((frozen: Policy<C>) => levelLogProbs(rows, { policy: frozen })),
  );
}

async function score<C>(
  level: LevelRollout<C>,
  options: ScoreOptions,
  whose: string,
  logProbs: (rows: LevelRollout<C>) => tf.Tensor2D,
): Promise<Float32Array> {
  const { rows, width, lengths } = level.completion;
  const scored = new Float32Array(rows * width);
  for (const part of microBatches(lengths, options.microBatch / level.samplesPerRow)) {
    throwIfAborted(options.where, options.signal);
    const partWidth = options.padded ? width : part.width;
    const values = logProbs(selectRows(level, part.rows, partWidth)); // [rows of the part, its width]
    try {
      const own = (await values.data()) as Float32Array;
      assertNoNaN(options.where, whose, level.name, own);
      scatterHostRows(scored, width, part.rows, own, partWidth);
    } finally {
      values.dispose();
    }
  }
  return scored;
}
