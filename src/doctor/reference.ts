import { isActive } from '../objective/coefficient.js';
import { levelObjective } from '../objective/objective.js';
import type { Reference } from '../policy/reference.js';
import { digits, type Finding, rounded } from '../train/findings.js';
import { largestGap } from './compare.js';
import { meanKl } from './kl.js';
import { beyondNoise, type Patient, scorableLevels, scoreLevel, scoreReference } from './patient.js';
import { notRun, type Outcome, outcome } from './report.js';

/** The reference is the policy itself when training begins, so that the KL penalty starts at 0. */
export async function examineReference<P, C>(
  patient: Patient<P, C>,
  given: Reference<C> | undefined,
): Promise<Outcome> {
  const { reference, settings } = patient;
  if (!reference) return outcome('no KL penalty, no reference');
  const levels = scorableLevels(patient).filter(({ name }) =>
    isActive(levelObjective(settings.objective, name).klWeight),
  );
  if (levels.length === 0) return notRun('no level with a KL penalty can be scored');
  if (!given) {
    return settings.startStep > 0
      ? outcome('resumed without the reference that the run began with', [missing(settings.startStep)])
      : outcome('the reference will be the policy as it is at the first step');
  }
  const findings: Finding[] = [];
  const told: string[] = [];
  for (const level of levels) {
    const policy = await scoreLevel(patient, level);
    const frozen = await scoreReference(patient, level, reference);
    const gap = largestGap(level, policy, frozen);
    const kl = meanKl(level, policy, frozen);
    told.push(`'${level.name}' ${rounded(kl)}`);
    if (gap > beyondNoise(patient, level.name, patient.doctor.limits.reference)) {
      findings.push(stale(patient, level.name, gap, kl));
    }
  }
  return outcome(`KL per token between policy and reference at the start: ${told.join(', ')} nats`, findings);
}

function stale<P, C>({ settings, doctor }: Patient<P, C>, level: string, gap: number, kl: number): Finding {
  const resumed = settings.startStep > 0;
  return {
    code: 'stale-reference',
    severity: resumed ? 'note' : 'warning',
    message: resumed
      ? `At level '${level}' the policy has moved away from the reference, as a resumed run should have.`
      : `At level '${level}' the reference is not the policy that training begins with: the penalty pulls from the first step on.`,
    evidence: `log-probs differ by up to ${digits(gap)} nats, KL ${digits(kl)} nats per token${resumed ? '' : ` (allowed at step 0: ${doctor.limits.reference})`}`,
    suggestion: resumed
      ? 'Nothing to do if this is the reference that the run began with.'
      : 'Freeze the reference after the weights are loaded (freezeReference(policy)), or leave it out: train() then freezes it itself. Ignore this if pulling towards another policy is meant.',
    level,
  };
}

function missing(startStep: number): Finding {
  return {
    code: 'missing-reference',
    severity: 'warning',
    message:
      'The run is resumed without its reference: the KL penalty will pull towards the policy as it is now, and forget where it began.',
    evidence: `startStep is ${startStep}, a level has a klWeight above 0, and no reference is given`,
    suggestion: 'Save the weights of the reference with the first checkpoint, and pass it as `reference`.',
  };
}
