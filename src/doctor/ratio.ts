import type { LevelRollout } from '../rollout/types.js';
import { type Finding, rounded } from '../train/findings.js';
import { largestGap, pickRows, typicalRows } from './compare.js';
import { explainRatio } from './explain.js';
import { examineInvariance } from './invariance.js';
import { asSampled, beyondNoise, isUnrecorded, type Patient, scorableLevels, scoreLevel } from './patient.js';
import { notRun, type Outcome, outcome } from './report.js';

/**
 * The ratio is exactly 1 before the first update: scored again under the distribution that the level declares,
 * tokens have the log-probs that were recorded when they were sampled.
 */
export async function examineRatio<P, C>(patient: Patient<P, C>): Promise<Outcome> {
  const findings: Finding[] = unrecorded(patient);
  const told: string[] = [];
  for (const declared of scorableLevels(patient)) {
    const level = asSampled(declared);
    const scores = await scoreLevel(patient, level);
    const gap = largestGap(level, scores, level.behaviourLogProbs, patient.unsound.get(level.name));
    const deviation = Math.expm1(gap);
    const allowed = beyondNoise(patient, level.name, Math.log1p(patient.doctor.limits.ratio));
    told.push(`'${level.name}' ${rounded(deviation)}`);
    const leaks = await examineInvariance(patient, level, scores);
    findings.push(...leaks);
    if (gap <= allowed) continue;
    const found = await explainRatio(patient, soundRows(patient, level), {
      deviation,
      // A policy that sees its padding can't agree with itself; that finding says so already.
      leaks: leaks.length > 0,
    });
    if (found) findings.push(found);
  }
  if (told.length === 0) {
    return findings.length > 0
      ? outcome('no level can be scored', findings)
      : notRun('the policy that is trained sampled no level');
  }
  return outcome(
    `max |ratio − 1| before the first update: ${told.join(', ')} (allowed: ${patient.doctor.limits.ratio})`,
    findings,
  );
}

/** Some rows, without the tokens that should not count. */
function soundRows<P, C>(patient: Patient<P, C>, level: LevelRollout<C>): LevelRollout<C> {
  const picked = pickRows(level, typicalRows(level, patient.doctor.rows));
  const unsound = patient.unsound.get(level.name);
  if (!unsound) return picked;
  const { width } = level.completion;
  const lengths = Int32Array.from(typicalRows(level, patient.doctor.rows), (row, at) => {
    const bad = unsound.subarray(row * width, (row + 1) * width).indexOf(1);
    return bad < 0 ? (picked.completion.lengths[at] as number) : bad;
  });
  return { ...picked, completion: { ...picked.completion, lengths } };
}

function unrecorded<P, C>({ settings, rollouts }: Patient<P, C>): Finding[] {
  return (rollouts[0]?.levels ?? [])
    .filter((level) => level.policy === settings.policy && isUnrecorded(level))
    .map(({ name, sampling: { topK = 0, topP = 1 } }) => ({
      code: 'truncation-not-recorded',
      severity: 'error',
      message: `Level '${name}' is sampled with top-k or top-p, but which tokens they kept is not recorded: training will refuse it.`,
      evidence: `topK ${topK}, topP ${topP}, no kept set`,
      suggestion: 'Set sampling.recordKept: true, or sample without truncation while training.',
      level: name,
    }));
}
