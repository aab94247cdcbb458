import { levelObjective, lossObjective } from '../objective/objective.js';
import type { Rollout } from '../rollout/types.js';
import { type Finding, rounded } from '../train/findings.js';
import { levelBatches } from '../train/levels.js';
import type { StepMetrics } from '../train/metrics.js';
import { median } from '../train/monitor/state.js';
import type { Course } from './course.js';
import { gradientNorm, withSettings } from './gradients.js';
import { meanKl } from './kl.js';
import { type Patient, scorableLevels, scoreLevel, scoreReference } from './patient.js';
import { type Outcome, outcome } from './report.js';

/** How hard the penalty pulls at the end of a probe without it. */
export interface Pull {
  /** ‖β∇KL‖. */
  readonly norm: number;
  /** Norm of the rewards' gradient, on the way there. */
  readonly rewards: number;
  /** KL per token, in nats, of the level that has moved furthest. */
  readonly kl: number;
  /** The largest β of the levels. */
  readonly weight: number;
}

/** Rollouts that the penalty is measured on; one rare token can make a single one's gradient huge. */
const PULLS = 3;

/**
 * Measures the penalty where the policy stands now.
 * @returns nothing if there is no penalty, or nothing pulled
 */
export async function measurePull<P, C>(
  patient: Patient<P, C>,
  prompt: P,
  records: readonly StepMetrics[],
  signal: AbortSignal | undefined,
): Promise<Pull | undefined> {
  const { settings, reference } = patient;
  const pulls = records.map(({ gradNorm }) => gradNorm).filter((norm) => norm > 0);
  if (!reference || pulls.length === 0) return undefined;
  const weights: number[] = [];
  const measured: { norm: number; kl: number }[] = [];
  for (let i = 0; i < PULLS; i++) {
    const rollout = await settings.rollout({
      prompts: new Array<P>(settings.promptsPerStep).fill(prompt),
      promptIds: Array.from({ length: settings.promptsPerStep }, (_, copy) => copy),
      groupSize: settings.groupSize,
      step: records.length + i,
      seed: settings.seed,
      signal,
    });
    weights.push(
      ...rollout.levels.map(
        ({ name }) => lossObjective(levelObjective(settings.objective, name)).klWeight ?? 0,
      ),
    );
    measured.push(await penaltyOf({ ...patient, rollouts: [rollout] }, rollout));
  }
  const norm = median(measured.map((one) => one.norm));
  if (norm === 0) return undefined;
  return {
    norm,
    rewards: pulls.reduce((sum, value) => sum + value, 0) / pulls.length,
    kl: median(measured.map((one) => one.kl)),
    weight: Math.max(...weights),
  };
}

/** Norm of the gradient of β·KL over all levels that have a penalty, and the largest of their KLs. */
async function penaltyOf<P, C>(
  patient: Patient<P, C>,
  rollout: Rollout<P, C>,
): Promise<{ norm: number; kl: number }> {
  const { settings, reference } = patient;
  if (!reference) return { norm: 0, kl: 0 };
  const scorable = new Set(scorableLevels(patient).map(({ name }) => name));
  const still = new Float32Array(rollout.samples.length);
  const penaltyOnly = withSettings(settings.objective, { entropyWeight: 0 });
  let squares = 0;
  let kl = 0;
  for (const batch of levelBatches(settings.policy, rollout, still, penaltyOnly)) {
    if (!batch.trained || !scorable.has(batch.level.name)) continue;
    const referenceLogProbs = await scoreReference(patient, batch.level, reference);
    kl = Math.max(kl, meanKl(batch.level, await scoreLevel(patient, batch.level), referenceLogProbs));
    squares += (await gradientNorm(patient, { ...batch, referenceLogProbs })) ** 2;
  }
  return { norm: Math.sqrt(squares), kl };
}

/**
 * Beyond this KL per token the gradient of the penalty no longer tells how hard it would have pulled on the way: it
 * vanishes where a policy is sure of its tokens, and explodes at a rare one. Then the probe is made again with it.
 */
export const FAR = 0.3;

/** Where the policy is still near: whether the penalty's gradient is larger than the rewards' was. */
export function judgeBalance<P, C>({ doctor }: Patient<P, C>, pull: Pull, steps: number): Outcome {
  const balance = pull.norm / pull.rewards;
  const evidence = `there the gradient of the penalty is ${rounded(balance)} of the reward's (allowed: ${doctor.limits.klBalance})`;
  if (balance <= doctor.limits.klBalance) return outcome(evidence);
  const even = Number((pull.weight / balance).toPrecision(1));
  return outcome(evidence, [
    tooLarge(
      `after ${steps} steps on one prompt, ‖β∇KL‖ is ${rounded(pull.norm)} and the rewards' gradient was ${rounded(pull.rewards)} on the way: ${rounded(balance)} times (allowed: ${doctor.limits.klBalance})`,
      `it is ${rounded(pull.weight)}, and they would balance at about ${even}`,
    ),
  ]);
}

/** Where it has gone far: how much of the rise is left with the penalty. */
export function judgeRise<P, C>(
  { doctor }: Patient<P, C>,
  { free, held, pull, steps }: { free: Course; held: Course; pull: Pull; steps: number },
): Outcome {
  const kept = held.change / free.change;
  const evidence = `in ${steps} steps with the penalty it rises by ${Math.round(100 * kept)} % of what it does without (allowed: at least ${100 * doctor.limits.klRise} %)`;
  const sure = free.last - held.last > 2 * Math.hypot(free.error, held.error);
  if (kept >= doctor.limits.klRise || !sure) return outcome(evidence);
  return outcome(evidence, [
    tooLarge(
      `${steps} steps on one prompt changed its reward by ${rounded(free.change)} without the penalty and by ${rounded(held.change)} with it (allowed: at least ${100 * doctor.limits.klRise} % of that)`,
      `it is ${rounded(pull.weight)}`,
    ),
  ]);
}

function tooLarge(evidence: string, now: string): Finding {
  return {
    code: 'kl-weight-too-large',
    severity: 'warning',
    message: 'The KL penalty is stronger than the rewards: the policy would be held where it is.',
    evidence,
    suggestion: `Lower klWeight: ${now}. T2I-R1 uses 0.01, GRPO 0.04.`,
  };
}
