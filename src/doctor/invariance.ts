import { difference } from '../conformance/policy/compare.js';
import type { LevelRollout } from '../rollout/types.js';
import { digits, type Finding } from '../train/findings.js';
import { pickRows, typicalRows, unpaddedRow } from './compare.js';
import { beyondNoise, type Patient, scoreLevel } from './patient.js';

/**
 * A row's log-probs depend neither on its batch-mates nor on its padding.
 * @param scores `[R · T]`: of the level, all rows together
 */
export async function examineInvariance<P, C>(
  patient: Patient<P, C>,
  level: LevelRollout<C>,
  scores: Float32Array,
): Promise<Finding[]> {
  const allowed = beyondNoise(patient, level.name, patient.doctor.limits.invariance);
  const rows = typicalRows(level, patient.doctor.rows);
  let padding = 0;
  let mates = 0;
  for (const row of rows) {
    const length = level.completion.lengths[row] as number;
    const from = row * level.completion.width;
    const together = scores.subarray(from, from + length);
    const padded = await scoreLevel(patient, pickRows(level, [row]));
    mates = Math.max(mates, difference(padded.subarray(0, length), together));
    if (length === level.completion.width) continue;
    const exact = await scoreLevel(patient, unpaddedRow(level, row));
    padding = Math.max(padding, difference(exact.subarray(0, length), padded));
  }
  const measured = (what: string, value: number) =>
    `log-probs of a row ${what} differ by up to ${digits(value)} nats over ${rows.length} rows (allowed: ${digits(allowed)})`;
  const findings: Finding[] = [];
  if (padding > allowed) {
    findings.push({
      code: 'padding-leak',
      severity: 'error',
      message: `At level '${level.name}' the policy sees padding: a short row's log-probs depend on how far it was padded.`,
      evidence: measured('with and without its padding', padding),
      suggestion:
        'Mask padding out of attention and of every mean or norm over positions in logits(). checkPolicy on this space repeats the measurement.',
      level: level.name,
    });
  }
  if (mates > allowed) {
    findings.push({
      code: 'batch-leak',
      severity: 'error',
      message: `At level '${level.name}' a row's log-probs depend on the other rows of the batch.`,
      evidence: measured('alone and among others', mates),
      suggestion:
        'Look for a mean or a normalisation over rows (batch norm) in logits(). checkPolicy on this space repeats the measurement.',
      level: level.name,
    });
  }
  return findings;
}
