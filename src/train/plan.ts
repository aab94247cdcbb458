import type { LevelTerms } from '../rollout/terms.js';
import type { LevelBatch } from './levels.js';
import { type MicroBatch, microBatches } from './micro-batch.js';

/** A micro-batch of an update, and what it needs. */
export interface PlannedPass extends MicroBatch {
  /** Forward and backward; false: forward alone, for the metrics and the on-policy check. */
  readonly gradients: boolean;
}

/**
 * The passes that an update makes over a level: backward only through the rows that have something to teach. None for
 * a level of another policy.
 * @param microBatch samples per pass
 */
export function planPasses<C>(batch: LevelBatch<C>, microBatch: number): PlannedPass[] {
  const { completion, samplesPerRow } = batch.level;
  if (!batch.own) return [];
  const passes = (rows: readonly number[], gradients: boolean) =>
    microBatches(completion.lengths, microBatch / samplesPerRow, rows).map((part) => ({
      ...part,
      gradients,
    }));
  const rows = Array.from({ length: completion.rows }, (_, row) => row);
  if (!batch.trained) return passes(rows, false);
  const taught = rows.filter((row) => hasGradient(batch, row));
  // A trained level without such a row has a gradient all the same, of zeros: the optimiser's moments go by it.
  if (taught.length === 0) return passes(rows, true);
  const rest = rows.filter((row) => !taught.includes(row));
  return [...passes(taught, true), ...passes(rest, false)];
}

/** Whether any term of the loss has a weight on any token of any sample of the row. */
export function hasGradient<C>(terms: LevelTerms<C>, row: number): boolean {
  const { advantages, weights, policyFactor, loss } = terms;
  const { completion, samplesPerRow } = terms.level;
  const { klWeight = 0, entropyWeight = 0 } = loss;
  for (let sample = row * samplesPerRow; sample < (row + 1) * samplesPerRow; sample++) {
    const some = (values: Float32Array): boolean => {
      const begin = sample * completion.width;
      return values.subarray(begin, begin + completion.width).some((value) => value !== 0);
    };
    if (advantages[sample] !== 0 && some(weights) && (policyFactor === undefined || some(policyFactor))) {
      return true;
    }
    if (klWeight > 0 && some(terms.klWeights ?? weights)) return true;
    if (entropyWeight > 0 && some(terms.entropyWeights ?? weights)) return true;
  }
  return false;
}
