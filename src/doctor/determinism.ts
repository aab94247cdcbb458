import { tokenRow } from '../policy/tokens.js';
import type { LevelRollout, Rollout } from '../rollout/types.js';
import { digits, type Finding, rounded } from '../train/findings.js';
import { largestGap } from './compare.js';
import { drawBatch, type Patient, scorableLevels, scoreLevel } from './patient.js';
import { type Outcome, outcome } from './report.js';

/** Dropout off: the same forward pass gives the same numbers, and the same random numbers the same samples. */
export async function examineDeterminism<P, C>(
  patient: Patient<P, C>,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const findings: Finding[] = [];
  let worst = 0;
  for (const level of scorableLevels(patient)) {
    const noise = largestGap(level, await scoreLevel(patient, level), await scoreLevel(patient, level));
    patient.noise.set(level.name, noise);
    worst = Math.max(worst, noise);
    if (noise > patient.doctor.limits.noise) findings.push(dropout(patient, level.name, noise));
  }
  findings.push(...(await examineSampler(patient, signal)));
  return outcome(
    `log-probs of two equal forward passes differ by up to ${rounded(worst)} nats (allowed: ${patient.doctor.limits.noise})`,
    findings,
  );
}

function dropout<P, C>({ doctor }: Patient<P, C>, level: string, noise: number): Finding {
  return {
    code: 'dropout',
    severity: 'error',
    message: `The policy is random: the same forward pass of level '${level}' gives different log-probs twice.`,
    evidence: `they differ by up to ${digits(noise)} nats (allowed: ${doctor.limits.noise})`,
    suggestion:
      'Turn dropout (and any other noise in the model) off while sampling and training: the ratio would otherwise compare two random networks.',
    level,
  };
}

/** Samples one prompt of the first batch again, alone. */
async function examineSampler<P, C>(
  patient: Patient<P, C>,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const again = () => drawBatch(patient.settings, 0, signal, 1);
  const batch = patient.rollouts[0] as Rollout<P, C>;
  const alone = await again();
  const differing = firstDifference(alone, batch, patient);
  if (!differing) return [];
  patient.checkAbort();
  // Batch-mates, or chance? Twice alone tells.
  const chance = firstDifference(alone, await again(), patient);
  if (chance) return [randomSampler(patient, chance)];
  // A rollout may draw from one stream for the whole batch: other tokens alone prove nothing.
  if (differing.gap <= patient.doctor.limits.ratio) return [];
  return [
    {
      code: 'batch-leak',
      severity: 'error',
      message: `While sampling level '${differing.level}', a sample's probabilities depend on the other samples of the batch.`,
      evidence: `alone and in the batch, recorded log-probs of the same tokens differ by up to ${digits(differing.gap)} nats (allowed: ${patient.doctor.limits.ratio})`,
      suggestion:
        'Look for a mean, a normalisation or a shared cache over rows in startDecoding: checkPolicy finds it.',
      level: differing.level,
    },
  ];
}

/** How two rollouts of the same prompts differ. */
interface Difference {
  readonly level: string;
  /** Of recorded log-probs, over tokens with the same tokens before them. */
  readonly gap: number;
  /** Rows with other tokens. */
  readonly rows: number;
}

/** Two equal calls that differ: an error if probabilities do, a warning if only the tokens do. */
function randomSampler<P, C>({ doctor }: Patient<P, C>, { level, gap, rows }: Difference): Finding {
  const differ = gap > doctor.limits.ratio;
  const told = [
    rows > 0 && `${rows} samples of one prompt get other tokens in a second, equal call (allowed: none)`,
    differ &&
      `recorded log-probs of the same tokens differ by up to ${digits(gap)} nats (allowed: ${doctor.limits.ratio})`,
  ].filter((part) => part !== false);
  return {
    code: 'dropout',
    severity: differ ? 'error' : 'warning',
    message: `Sampling is random beyond its seed: the same prompt and random numbers give other ${differ ? 'probabilities' : 'tokens'} at level '${level}'.`,
    evidence: told.join('; '),
    suggestion:
      'Turn dropout off while sampling. In a rollout of your own, draw from the seed it is given: a run could not be repeated or resumed otherwise.',
    level,
  };
}

/** The first level with other tokens, or other recorded log-probs of equal ones, over the rows that both have. */
function firstDifference<P, C>(
  a: Rollout<P, C>,
  b: Rollout<P, C>,
  { doctor, settings }: Patient<P, C>,
): Difference | undefined {
  for (const [l, one] of a.levels.entries()) {
    const other = b.levels[l];
    if (!other || one.policy !== settings.policy) return undefined;
    const found = compareRecorded(one, other);
    if (found.gap > doctor.limits.ratio || found.rows > 0) return { level: one.name, ...found };
  }
  return undefined;
}

/** Compares rows up to the first token that differs. */
function compareRecorded<C>(a: LevelRollout<C>, b: LevelRollout<C>): Omit<Difference, 'level'> {
  let gap = 0;
  let rows = 0;
  for (let row = 0; row < Math.min(a.completion.rows, b.completion.rows); row++) {
    const [ours, theirs] = [tokenRow(a.completion, row), tokenRow(b.completion, row)];
    if (ours.length !== theirs.length || ours.some((token, t) => token !== theirs[t])) rows++;
    for (let t = 0; t < Math.min(ours.length, theirs.length) && ours[t] === theirs[t]; t++) {
      const here = a.behaviourLogProbs[row * a.completion.width + t] as number;
      const there = b.behaviourLogProbs[row * b.completion.width + t] as number;
      gap = Math.max(gap, Math.abs(here - there));
    }
  }
  return { gap, rows };
}
