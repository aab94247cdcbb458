import { levelObjective } from '../objective/objective.js';
import type { Rollout } from '../rollout/types.js';
import { digits, type Finding } from '../train/findings.js';
import { levelBatches } from '../train/levels.js';
import type { StepMetrics } from '../train/metrics.js';
import { adamW } from '../train/optimizer.js';
import { train } from '../train/train.js';
import { linearTrend, type Trend } from '../train/trend.js';
import { gradientNorm, withoutKl } from './gradients.js';
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
    let trend: Trend = { count: 0, change: 0, t: 0 };
    const probe = train<P, C>({
      policy: settings.policy,
      rollout: settings.rollout,
      reward: settings.reward,
      prompts: [chosen.prompt],
      promptsPerStep: settings.promptsPerStep,
      groupSize: settings.groupSize,
      objective: withoutKl(settings.objective),
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
    for await (const { metrics } of probe) {
      patient.checkAbort();
      records.push(metrics);
      run.onStep?.(records.length);
      trend = linearTrend(records.map(({ reward }) => reward.mean));
      if (records.length >= SHORTEST_PROBE && trend.t > patient.doctor.limits.rise) break;
    }
    const learned = judgeLearning(patient, records, trend, learningRate);
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

function judgeLearning<P, C>(
  { doctor }: Patient<P, C>,
  records: readonly StepMetrics[],
  { change, t }: Trend,
  learningRate: number,
): Outcome {
  const { rise } = doctor.limits;
  const first = records[0]?.reward.mean ?? Number.NaN;
  const evidence = `reward of one prompt ${digits(first)} ${change < 0 ? '−' : '+'} ${digits(Math.abs(change))} in ${records.length} steps at learning rate ${digits(learningRate)} without the penalty (t = ${digits(t)}, wanted: above ${rise})`;
  if (t > rise) return outcome(evidence);
  const fell = t < -rise;
  const finding: Finding = {
    code: 'not-learning',
    severity: fell ? 'warning' : 'note',
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
  const step = records.length;
  const rollout = await settings.rollout({
    prompts: new Array<P>(settings.promptsPerStep).fill(prompt),
    promptIds: Array.from({ length: settings.promptsPerStep }, (_, i) => i),
    groupSize: settings.groupSize,
    step,
    seed: settings.seed,
    signal,
  });
  const penalty = await penaltyNorm({ ...patient, rollouts: [rollout] }, rollout);
  if (penalty === 0) return undefined;
  const balance = penalty / rewardPull;
  const evidence = `there the gradient of the penalty is ${digits(balance)} of the reward's (allowed: ${doctor.limits.klBalance})`;
  if (balance <= doctor.limits.klBalance) return outcome(evidence);
  const weights = rollout.levels.map(({ name }) => levelObjective(settings.objective, name).klWeight);
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
  for (const batch of levelBatches(settings.policy, rollout, still, settings.objective)) {
    if (!batch.trained || !scorable.has(batch.level.name)) continue;
    const referenceLogProbs = await scoreReference(patient, batch.level, reference);
    squares += (await gradientNorm(patient, { ...batch, referenceLogProbs })) ** 2;
  }
  return Math.sqrt(squares);
}
