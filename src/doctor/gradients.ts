import { type LevelObjective, levelObjective, type Objective } from '../objective/objective.js';
import { someNames, unlistedVariables } from '../policy/unlisted-variables.js';
import { levelLogProbs } from '../rollout/level-log-probs.js';
import type { LevelRollout, Rollout } from '../rollout/types.js';
import { digits, type Finding, rounded } from '../train/findings.js';
import { type LevelBatch, levelBatches } from '../train/levels.js';
import { updatePolicy } from '../train/update.js';
import { type Patient, scorableLevels } from './patient.js';
import { notRun, type Outcome, outcome } from './report.js';
import { idleOptimizer } from './snapshot.js';

/** Every level that should train has a gradient of its own. */
export async function examineGradients<P, C>(patient: Patient<P, C>): Promise<Outcome> {
  const { settings, doctor } = patient;
  const { batch, advantages } = informativeBatch(patient);
  const rollout = patient.rollouts[batch] as Rollout<P, C>;
  const scorable = new Set(scorableLevels(patient, batch).map(({ name }) => name));
  const others = rollout.levels.filter(({ policy }) => policy !== settings.policy);
  const findings = others.map((level) => foreign(patient, level, others.length === rollout.levels.length));
  const batches = levelBatches(settings.policy, rollout, advantages, rewardsOnly(settings.objective)).filter(
    ({ level, own }) => own && scorable.has(level.name),
  );
  const norms: { level: LevelRollout<C>; norm: number }[] = [];
  for (const own of batches) {
    patient.checkAbort();
    norms.push({ level: own.level, norm: await gradientNorm(patient, own) });
  }
  if (norms.length === 0) {
    return findings.length > 0 ? outcome('no level is trained', findings) : notRun('no level can be scored');
  }
  const largest = norms.reduce((most, { norm }) => Math.max(most, norm), 0);
  for (const { level, norm } of norms) {
    const trains = norm >= doctor.limits.frozen * largest && norm > 0;
    findings.push(...(trains ? partlyFrozen(level) : [frozen(patient, level, norm, largest)]));
  }
  return outcome(
    `norm of each level's gradient: ${norms.map(({ level, norm }) => `'${level.name}' ${rounded(norm)}`).join(', ')}`,
    findings,
  );
}

/** The same objective with nothing but the rewards: every KL and entropy weight at 0. */
export function rewardsOnly(objective: Objective): Objective {
  return withSettings(objective, { klWeight: 0, entropyWeight: 0 });
}

/** The same objective with some settings at every level. */
export function withSettings(objective: Objective, settings: Partial<LevelObjective>): Objective {
  const levels = Object.entries(objective.levels ?? {}).map(([name, own]) => [name, { ...own, ...settings }]);
  return {
    ...objective,
    level: { ...objective.level, ...settings },
    ...(objective.levels ? { levels: Object.fromEntries(levels) } : {}),
  };
}

/** Norm of one level's gradient; nothing is updated. */
export async function gradientNorm<P, C>({ settings }: Patient<P, C>, batch: LevelBatch<C>): Promise<number> {
  try {
    const { gradNorm } = await updatePolicy(settings.policy, [batch], {
      optimizer: idleOptimizer(),
      learningRate: 0,
      maxGradNorm: Number.POSITIVE_INFINITY,
      microBatch: settings.microBatch,
      where: 'doctor',
    });
    return gradNorm;
  } catch (error) {
    if (error instanceof Error && error.message.includes('depends on none of the variables')) return 0;
    throw error;
  }
}

/** The batch with the most groups that have a spread; made-up advantages if no group has. */
function informativeBatch<P, C>({
  scored,
  rollouts,
}: Patient<P, C>): {
  batch: number;
  advantages: Float32Array;
} {
  let batch = -1;
  let most = 0;
  scored.forEach(({ combined }, i) => {
    const spread = combined.groupStd.filter((std) => std > 0).length;
    if (spread > most) [most, batch] = [spread, i];
  });
  const chosen = scored[batch];
  if (chosen) return { batch, advantages: chosen.combined.advantages };
  const samples = rollouts[0]?.samples.length ?? 0;
  return { batch: 0, advantages: Float32Array.from({ length: samples }, (_, i) => (i % 2 === 0 ? 1 : -1)) };
}

function frozen<P, C>(
  { settings, doctor }: Patient<P, C>,
  level: LevelRollout<C>,
  norm: number,
  largest: number,
): Finding {
  const { weight } = levelObjective(settings.objective, level.name);
  const hidden = norm === 0 && weight > 0 ? hiddenVariables(level) : [];
  const cause =
    weight === 0
      ? ': its weight is 0.'
      : hidden.length > 0
        ? `: its log-probs depend on ${hidden.length} variables that are not in policy.variables (TensorFlow.js's names: ${someNames(hidden)}).`
        : norm === 0
          ? ': its gradient is 0.'
          : ': its gradient is nothing next to that of another level.';
  return {
    code: 'frozen-level',
    severity: norm === 0 && weight > 0 ? 'error' : 'warning',
    message: `Level '${level.name}' does not train${cause}`,
    evidence: `gradient norm ${digits(norm)}, the largest level's is ${digits(largest)} (allowed: at least ${doctor.limits.frozen} of it); weight ${weight}`,
    suggestion:
      hidden.length > 0
        ? 'List every variable that should train in policy.variables.'
        : `Raise the weight of '${level.name}' in the objective, or give each level a normaliser of its own (balanced()). If it should not train, leave it as it is.`,
    level: level.name,
  };
}

/** A level that another policy samples: on purpose, or because the policy was copied. */
function foreign<P, C>({ settings }: Patient<P, C>, level: LevelRollout<C>, all: boolean): Finding {
  const own = new Set(Object.values(settings.policy.variables));
  const shared = Object.values(level.policy.variables).filter((variable) => own.has(variable)).length;
  const about = { code: 'frozen-level', level: level.name } as const;
  if (shared === 0) {
    return {
      ...about,
      severity: all ? 'error' : 'note',
      message: `Level '${level.name}' is sampled by another policy and is not trained${all ? ', and there is no other' : ''}.`,
      evidence: 'it shares no variable with the policy that is trained',
      suggestion: all ? 'Give the same policy to the rollout and to train.' : 'Nothing, if this is meant.',
    };
  }
  return {
    ...about,
    severity: 'error',
    message: `Level '${level.name}' does not train: a copy of the policy samples it, and only levels that the very same object sampled are trained.`,
    evidence: `another object with ${shared} of the policy's variables`,
    suggestion:
      'Give the same object to the rollout and to train: a spread copy or a wrapper counts as another policy.',
  };
}

/** Of one row, which is enough to see what a level depends on. */
function hiddenVariables<C>(level: LevelRollout<C>): string[] {
  return unlistedVariables(level.policy, () => levelLogProbs(level, { begin: 0, end: 1 }));
}

/** A level that trains, but not all of it: on purpose (LoRA, a frozen encoder), or forgotten. */
function partlyFrozen<C>(level: LevelRollout<C>): Finding[] {
  const hidden = hiddenVariables(level);
  if (hidden.length === 0) return [];
  return [
    {
      code: 'frozen-level',
      severity: 'note',
      message: `Level '${level.name}' also depends on ${hidden.length} variables that are not in policy.variables and will not train.`,
      evidence: `TensorFlow.js's names for them: ${someNames(hidden)}`,
      suggestion:
        'List them in policy.variables if they should train. Nothing, if they are frozen on purpose.',
      level: level.name,
    },
  ];
}
