import { digits, type Finding } from '../train/findings.js';
import { trainsOtherDistribution } from '../train/levels.js';
import { largestGap, meanGap } from './compare.js';
import { type Patient, scorableLevels, scoreLevel } from './patient.js';
import { type Outcome, outcome } from './report.js';

/** Sampled and trained distribution are one, or the gap between them is known. */
export async function examineGuidance<P, C>(patient: Patient<P, C>): Promise<Outcome> {
  const findings: Finding[] = [];
  for (const level of scorableLevels(patient).filter((one) => trainsOtherDistribution(one))) {
    const trained = await scoreLevel(patient, level);
    const gap = meanGap(level, level.behaviourLogProbs, trained);
    const largest = largestGap(level, level.behaviourLogProbs, trained);
    findings.push({
      code: 'guidance-mismatch',
      severity: 'warning',
      message: `Level '${level.name}' is sampled under guidance of scale ${level.sampling.guidance?.scale} but trained without it.`,
      evidence: `log-prob sampled under − log-prob trained: ${digits(gap)} nats per token on average, up to ${digits(largest)} for one (allowed: one distribution)`,
      suggestion:
        "This is what T2I-R1 does; training then also teaches the policy to imitate its guided self, which over-sharpens. Use guidance.logProbs 'guided' to train what is sampled, or a smaller scale.",
      level: level.name,
    });
  }
  return outcome(
    findings.length > 0
      ? `${findings.length} levels train another distribution than they sample`
      : 'every level trains the distribution that it samples',
    findings,
  );
}
