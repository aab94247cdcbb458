import { isActive } from '../objective/coefficient.js';
import { levelObjective } from '../objective/objective.js';
import type { Executor } from '../parallel/executor.js';
import type { Reference } from '../policy/reference.js';
import type { LevelRollout } from '../rollout/types.js';
import type { LevelBatch } from './levels.js';
import type { TrainSettings } from './options.js';
import { referenceLogProbs } from './score.js';

/** The reference's log-probs, `[R · T]` on the host, by level. */
export type ReferenceScores = Readonly<Record<string, Float32Array>>;

/** What the reference's log-probs are computed with. */
export interface ReferenceWork<P, C> {
  readonly settings: TrainSettings<P, C>;
  readonly reference: Reference<C>;
  readonly pool?: Executor<C>;
  readonly step: number;
}

/** Log-probs under the reference of those levels that a KL penalty pulls on. */
export async function referenceScores<P, C>(
  levels: readonly LevelRollout<C>[],
  { settings, reference, pool, step }: ReferenceWork<P, C>,
  signal: AbortSignal | undefined = settings.signal,
): Promise<ReferenceScores> {
  const { policy, objective, microBatch } = settings;
  const scores: Record<string, Float32Array> = {};
  for (const level of levels) {
    const { klWeight } = levelObjective(objective, level.name);
    if (level.policy !== policy || !isActive(klWeight)) continue;
    const options = { microBatch, signal, pool, where: `train: step ${step}, reference` };
    scores[level.name] = await referenceLogProbs(level, reference, options);
  }
  return scores;
}

/** The same levels, those that were scored with their scores. */
export function withReference<C>(levels: readonly LevelBatch<C>[], scores: ReferenceScores): LevelBatch<C>[] {
  return levels.map((batch) => {
    const logProbs = scores[batch.level.name];
    return logProbs ? { ...batch, referenceLogProbs: logProbs } : batch;
  });
}
