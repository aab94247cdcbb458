import { levelObjective, lossObjective } from '../objective/objective.js';
import type { Rollout } from '../rollout/types.js';
import { digits, type Finding } from '../train/findings.js';
import { levelBatches } from '../train/levels.js';
import type { StepMetrics } from '../train/metrics.js';
import { median } from '../train/monitor/state.js';
import { linearTrend } from '../train/monitor/trend.js';
import { adamW } from '../train/optimizer.js';
import { train } from '../train/train.js';
import { gradientNorm, rewardsOnly, withSettings } from './gradients.js';
import { type ProbeOptions, SHORTEST_PROBE } from './options.js';
import { type Patient, scorableLevels, scoreReference } from './patient.js';
import { notRun, type Outcome, outcome } from './report.js';
import { snapshotOf, snapshotOfOptimizer } from './snapshot.js';

/** How the probe is run. */
export interface ProbeRun {
  readonly probe: ProbeOptions & { readonly steps: number };
  readonly signal?: AbortSignal;
  readonly onStep?: (step: number) => void;
}

/**
 * With the penalty off and one prompt, the reward rises. Then, where it has risen: whether the penalty would
 * let it. Weights and optimiser are as before afterwards.
 */
export async function examineLearning<P, C>(patient: Patient<P, C>, run: ProbeRun): Promise<Outcome> {
  const chosen = promptWithMostSpread(patient);
  if (!chosen) return notRun('no group has a spread, so there is nothing to learn from');
  const { settings } = patient;
  const learningRate = run.probe.learningRate ?? highestRate(patient);
  const optimizer = settings.optimizer ?? adamW();
  const weights = snapshotOf(settings.policy.variables);
  const moments = settings.optimizer ? snapshotOfOptimizer(settings.optimizer) : undefined;
  try {
    const records: StepMetrics[] = [];
    let course: Course = { change: 0, t: 0, z: 0 };
    const probe = train<P, C>({
      policy: settings.policy,
      rollout: settings.rollout,
      reward: settings.reward,
      prompts: [chosen.prompt],
      promptsPerStep: settings.promptsPerStep,
      groupSize: settings.groupSize,
      objective: rewardsOnly(settings.objective),
      steps: run.probe.steps,
      learningRate,
      optimizer,
      maxGradNorm: settings.maxGradNorm,
      microBatch: settings.microBatch,
      updatesPerRollout: settings.updatesPerRollout,
      ratioTolerance: settings.ratioTolerance,
      seed: settings.seed,
      signal: run.signal,
    });
    for await (const { metrics, rollout } of probe) {
      patient.checkAbort();
      records.push(metrics);
      run.onStep?.(records.length);
      course = courseOf(records, rollout.samples.length);
      if (records.length >= SHORTEST_PROBE && certainty(course) > patient.doctor.limits.rise) break;
    }
    const learned = judgeLearning(patient, records, course, learningRate);
    const pull = await examinePull(patient, chosen.prompt, records, run.signal);
    return outcome(`${learned.evidence}${pull ? `; ${pull.evidence}` : ''}`, [
      ...learned.findings,
      ...(pull?.findings ?? []),
    ]);
  } finally {
    weights.restore();
    moments?.restore();
    if (!settings.optimizer) optimizer.dispose();
  }
}

function promptWithMostSpread<P, C>({ scored, rollouts }: Patient<P, C>): { prompt: P } | undefined {
  let most = 0;
  let prompt: P | undefined;
  scored.forEach(({ combined }, batch) => {
    combined.groupStd.forEach((spread, group) => {
      if (spread <= most) return;
      most = spread;
      prompt = rollouts[batch]?.prompts[group];
    });
  });
  return most > 0 ? { prompt: prompt as P } : undefined;
}

/** The highest rate of the schedule, looked up at 100 of its steps: early ones may still warm up. */
function highestRate<P, C>({ settings }: Patient<P, C>): number {
  const { startStep, steps, learningRate } = settings;
  const places = Array.from(
    { length: 100 },
    (_, i) => startStep + Math.floor((i * (steps - startStep)) / 100),
  );
  return places.reduce((highest, step) => Math.max(highest, learningRate(step)), 0);
}

/** How the probe's reward went. */
interface Course {
  /** From the first step to the mean of the last ones. */
  readonly change: number;
  /** Of the straight line through all steps: sees a slow rise. */
  readonly t: number;
  /** Of the last steps against the first, by the spread of the samples: sees a jump that has ended. */
  readonly z: number;
}

const certainty = ({ t, z }: Course): number => Math.max(t, z);

/** Steps at the end of the probe that are compared with its first. */
const LAST = 3;

function courseOf(records: readonly StepMetrics[], samples: number): Course {
  const scored = records.filter(({ reward }) => !Number.isNaN(reward.mean));
  const { t } = linearTrend(scored.map(({ reward }) => reward.mean));
  const [first] = scored;
  const last = scored.slice(1).slice(-LAST);
  if (!first || last.length === 0) return { change: 0, t, z: 0 };
  const mean = last.reduce((sum, { reward }) => sum + reward.mean, 0) / last.length;
  const change = mean - first.reward.mean;
  const lastVariance = last.reduce((sum, { reward }) => sum + reward.std ** 2, 0) / last.length ** 2;
  const error = Math.sqrt((first.reward.std ** 2 + lastVariance) / samples);
  return { change, t, z: change === 0 ? 0 : change / error };
}

function judgeLearning<P, C>(
  { doctor }: Patient<P, C>,
  records: readonly StepMetrics[],
  course: Course,
  learningRate: number,
): Outcome {
  const { rise } = doctor.limits;
  const { change, t, z } = course;
  const first = records[0]?.reward.mean ?? Number.NaN;
  const evidence = `reward of one prompt ${digits(first)} ${change < 0 ? '−' : '+'} ${digits(Math.abs(change))} in ${records.length} steps at learning rate ${digits(learningRate)} without the penalty (${digits(Math.abs(t) > Math.abs(z) ? t : z)} standard errors, wanted: above ${rise})`;
  if (certainty(course) > rise) return outcome(evidence);
  const fell = Math.min(t, z) < -rise;
  const finding: Finding = {
    code: 'not-learning',
    severity: fell || learningRate === 0 ? 'warning' : 'note',
    message: fell
      ? 'Trained on one prompt without a penalty, the reward falls.'
      : 'Trained on one prompt without a penalty, the reward did not clearly rise.',
    evidence,
    suggestion: fell
      ? 'Check the sign of the rewards and of their weights, and lower the learning rate.'
      : 'The run may be too careful to show it in so few steps: try probe.steps and probe.learningRate, and raise the learning rate if it does not rise then either.',
  };
  return outcome(evidence, [finding]);
}

/** Rollouts that the penalty is measured on; one rare token can make a single one's gradient huge. */
const PULLS = 3;

/** Whether, where the probe has led, the penalty pulls harder than the rewards did on the way. */
async function examinePull<P, C>(
  patient: Patient<P, C>,
  prompt: P,
  records: readonly StepMetrics[],
  signal: AbortSignal | undefined,
): Promise<Outcome | undefined> {
  const { settings, reference, doctor } = patient;
  const pulls = records.map(({ gradNorm }) => gradNorm).filter((norm) => norm > 0);
  if (!reference || pulls.length === 0) return undefined;
  const rewardPull = pulls.reduce((sum, norm) => sum + norm, 0) / pulls.length;
  const weights: number[] = [];
  const norms: number[] = [];
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
    norms.push(await penaltyNorm({ ...patient, rollouts: [rollout] }, rollout));
  }
  const penalty = median(norms);
  if (penalty === 0) return undefined;
  const balance = penalty / rewardPull;
  const evidence = `there the gradient of the penalty is ${digits(balance)} of the reward's (allowed: ${doctor.limits.klBalance})`;
  if (balance <= doctor.limits.klBalance) return outcome(evidence);
  const largest = Math.max(...weights);
  return outcome(evidence, [
    {
      code: 'kl-weight-too-large',
      severity: 'warning',
      message: 'The KL penalty is stronger than the rewards: the policy would be held where it is.',
      evidence: `after ${records.length} steps on one prompt, ‖β∇KL‖ is ${digits(penalty)} and the rewards' gradient was ${digits(rewardPull)} on the way: ${digits(balance)} times (allowed: ${doctor.limits.klBalance})`,
      suggestion: `Lower klWeight: it is ${digits(largest)}, and they would balance at ${digits(largest / balance)}. T2I-R1 uses 0.01, GRPO 0.04.`,
    },
  ]);
}

/** Norm of the gradient of β·KL, over all levels that have a penalty. */
async function penaltyNorm<P, C>(patient: Patient<P, C>, rollout: Rollout<P, C>): Promise<number> {
  const { settings, reference } = patient;
  if (!reference) return 0;
  const still = new Float32Array(rollout.samples.length);
  const scorable = new Set(scorableLevels(patient).map(({ name }) => name));
  let squares = 0;
  const penaltyOnly = withSettings(settings.objective, { entropyWeight: 0 });
  for (const batch of levelBatches(settings.policy, rollout, still, penaltyOnly)) {
    if (!batch.trained || !scorable.has(batch.level.name)) continue;
    const referenceLogProbs = await scoreReference(patient, batch.level, reference);
    squares += (await gradientNorm(patient, { ...batch, referenceLogProbs })) ** 2;
  }
  return Math.sqrt(squares);
}
