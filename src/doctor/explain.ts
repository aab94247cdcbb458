import { withoutLogProbs } from '../policy/without-log-probs.js';
import type { LevelRollout } from '../rollout/types.js';
import { digits, type Finding, rounded } from '../train/findings.js';
import {
  type Fit,
  fitBoth,
  fitGuidance,
  fitTemperature,
  type JointFit,
  misfit,
  recordedGaps,
  validGaps,
} from './fit.js';
import type { Patient } from './patient.js';

/** An explanation must leave less than this part of the disagreement. */
const EXPLAINED = 0.05;

/** What float32 makes of a log-prob. */
const ROUNDING = 1e-4;

/** What is known about the disagreement already. */
interface Disagreement {
  /** max |ratio − 1|. */
  readonly deviation: number;
  /** Whether padding or batch-mates were found to leak. */
  readonly leaks: boolean;
}

/**
 * Why recorded log-probs are not those of the declared distribution. Scores the very rows by logits, where the policy
 * has log-probs of its own, then with another temperature and another guidance scale, and looks at the signs of the
 * differences.
 * @returns nothing if a leak was found that is cause enough
 */
export async function explainRatio<P, C>(
  patient: Patient<P, C>,
  level: LevelRollout<C>,
  { deviation, leaks }: Disagreement,
): Promise<Finding | undefined> {
  const { name, behaviourLogProbs, completion, policy } = level;
  const evidence = `max |ratio − 1| = ${digits(deviation)} before any update (allowed: ${patient.doctor.limits.ratio}): a sampled token's probability and the one that training computes for it are up to ${rounded(1 + deviation)} times apart`;
  const finding = (part: Pick<Finding, 'code' | 'message' | 'suggestion'>, more = ''): Finding => ({
    ...part,
    // A rollout by an older policy, on purpose.
    severity: patient.settings.ratioTolerance === Number.POSITIVE_INFINITY ? 'note' : 'error',
    evidence: `${evidence}${more}`,
    level: name,
  });
  const total = completion.lengths.reduce((sum, length) => sum + length, 0);
  const recorded = behaviourLogProbs.some((value) => value !== 0);
  if (total > 0 && !recorded) {
    return finding({
      code: 'ratio-not-one',
      message: `The rollout records no log-probs at level '${name}': all are 0.`,
      suggestion: 'Return the log-probs that the sampler drew with as behaviourLogProbs.',
    });
  }

  const before = await misfit(level);
  const byLogits = policy.logProbs && (await misfit(level, withoutLogProbs(policy)));
  if (byLogits !== undefined && byLogits < EXPLAINED * before) {
    return finding(
      {
        code: 'ratio-not-one',
        message: `At level '${name}' policy.logProbs does not agree with policy.logits, which the sampler does agree with.`,
        suggestion:
          'Mend policy.logProbs, or leave it out. Does it divide the logits by the temperature that it is given? checkPolicy compares the two.',
      },
      `; by logits instead the difference falls from ${digits(before)} to ${digits(byLogits)} nats (root mean square; temperature ${level.sampling.temperature ?? 1})`,
    );
  }
  const temperature = await fitTemperature(level, patient.checkAbort);
  const guidance = policy.unconditional ? await fitGuidance(level, patient.checkAbort) : undefined;
  const explains = (fit: Fit | undefined): fit is Fit => fit !== undefined && fit.misfit < EXPLAINED * before;
  const left = (fit: Fit) =>
    `; at ${digits(fit.value)} the difference falls from ${digits(before)} to ${digits(fit.misfit)} nats (root mean square)`;
  const { sampling } = level;
  const scale = sampling.guidance?.scale ?? 1;
  if (explains(guidance) && !(explains(temperature) && temperature.misfit <= guidance.misfit)) {
    return finding(
      {
        code: 'guidance-mismatch',
        message: `Recorded log-probs of level '${name}' fit guidance of scale ${digits(guidance.value)}, but the level says ${scale === 1 ? 'no guidance (1)' : scale}.`,
        suggestion:
          'Sample and score with one guidance: give the scale that the sampler really uses in the sampling options, and choose with guidance.logProbs which distribution trains.',
      },
      left(guidance),
    );
  }
  if (explains(temperature)) {
    return finding(
      {
        code: 'temperature-mismatch',
        message: `Recorded log-probs of level '${name}' fit temperature ${digits(temperature.value)}, but the level says ${sampling.temperature ?? 1}.`,
        suggestion:
          'Give the temperature that the sampler really uses in the sampling options (and use it in policy.logProbs, if there is one).',
      },
      left(temperature),
    );
  }
  const both = guidance && (await explainedByBoth(patient, level, { temperature, guidance, before }));
  if (both) {
    return finding(
      {
        code: 'guidance-mismatch',
        message: `Recorded log-probs of level '${name}' fit guidance of scale ${digits(both.scale)} at temperature ${digits(both.temperature)}, but the level says scale ${scale} at temperature ${sampling.temperature ?? 1}.`,
        suggestion:
          'Give the guidance and the temperature that the sampler really uses in the sampling options.',
      },
      `; with both the difference falls from ${digits(before)} to ${digits(both.misfit)} nats (root mean square)`,
    );
  }
  if (leaks) return undefined;
  if (neverBelow(level, await recordedGaps(level))) {
    return finding({
      code: 'truncation-not-recorded',
      message: `Recorded log-probs of level '${name}' are never below the scored ones: the sampler dropped tokens (top-k or top-p, min-p) that the level does not tell of.`,
      suggestion:
        'Declare the truncation in the sampling options with recordKept: true, or sample without it while training.',
    });
  }
  return finding({
    code: 'ratio-not-one',
    message: `What is trained at level '${name}' is not what was sampled, and neither temperature nor guidance explains it.`,
    suggestion:
      'The decoding session and logits() of the policy disagree (a position, a mask, a stale cache), or the rollout was made with other weights or truncation that it does not record. Run checkPolicy on this space.',
  });
}

/** Tries both at once, from where either alone came out and from what the level says. */
async function explainedByBoth<P, C>(
  patient: Patient<P, C>,
  level: LevelRollout<C>,
  { temperature, guidance, before }: { temperature: Fit; guidance: Fit; before: number },
): Promise<JointFit | undefined> {
  const declared = {
    temperature: level.sampling.temperature ?? 1,
    scale: level.sampling.guidance?.scale ?? 1,
  };
  const starts = [
    declared,
    { ...declared, temperature: temperature.value },
    { ...declared, scale: guidance.value },
  ];
  for (const start of starts) {
    const fit = await fitBoth(level, start, patient.checkAbort);
    if (fit.misfit < EXPLAINED * before) return fit;
  }
  return undefined;
}

/** What a sampler that drops tokens does to the others: it makes all of them more probable. */
function neverBelow<C>(level: LevelRollout<C>, gaps: Float64Array): boolean {
  const valid = validGaps(level, gaps);
  return valid.every((gap) => gap > -ROUNDING) && valid.some((gap) => gap > ROUNDING);
}
