import type { Objective } from '../objective/objective.js';
import type { Reference } from '../policy/reference.js';
import { type Finding, percent, rounded } from '../train/findings.js';
import type { StepMetrics } from '../train/metrics.js';
import { type Course, certainty } from './course.js';
import { rewardsOnly, withSettings } from './gradients.js';
import type { ProbeOptions } from './options.js';
import type { Patient } from './patient.js';
import { FAR, judgeBalance, judgeRise, measurePull } from './penalty.js';
import { notRun, type Outcome, outcome } from './report.js';
import { trial } from './trial.js';

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
  const { settings, reference } = patient;
  const { signal, onStep } = run;
  const learningRate = run.probe.learningRate ?? highestRate(patient);
  const common = { ...chosen, learningRate, signal };
  const free = await trial(
    patient,
    {
      ...common,
      objective: rewardsOnly(settings.objective),
      steps: run.probe.steps,
      untilRisen: true,
      onStep,
    },
    (records) => measurePull(patient, chosen.prompt, records, signal),
  );
  const steps = free.records.length;
  const learned = judgeLearning(patient, free.records, free.course, learningRate);
  const pull = free.result;
  if (!pull) return learned;
  const rose = certainty(free.course) > patient.doctor.limits.rise && free.course.change > 0;
  let penalty: Outcome | undefined;
  if (pull.kl <= FAR) penalty = judgeBalance(patient, pull, steps);
  else if (rose) {
    // Both for as many steps as there may be: at first the policy is where the penalty does not pull.
    let done = steps;
    const longer = async (objective: Objective, own?: Reference<C>) => {
      const settled = { ...common, objective, reference: own, steps: run.probe.steps, untilRisen: false };
      const { course } = await trial(
        patient,
        { ...settled, onStep: () => onStep?.(++done) },
        async () => undefined,
      );
      return course;
    };
    penalty = judgeRise(patient, {
      free: await longer(rewardsOnly(settings.objective)),
      held: await longer(withSettings(settings.objective, { entropyWeight: 0 }), reference),
      ...{ pull, steps: run.probe.steps },
    });
  }
  return outcome([learned.evidence, penalty?.evidence].filter(Boolean).join('; '), [
    ...learned.findings,
    ...(penalty?.findings ?? []),
  ]);
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
  course: Course,
  learningRate: number,
): Outcome {
  const { rise } = doctor.limits;
  const { change, t, z } = course;
  const first = records.find(({ reward }) => !Number.isNaN(reward.mean))?.reward.mean ?? Number.NaN;
  const scored = records.filter(({ reward }) => !Number.isNaN(reward.mean)).length;
  const unscored = scored < records.length ? ` (${scored} of them could be scored)` : '';
  const evidence = `reward of one prompt ${rounded(first)} ${change < 0 ? '−' : '+'} ${rounded(Math.abs(change))} in ${records.length} steps${unscored} at learning rate ${rounded(learningRate)} without the penalty (${rounded(Math.abs(t) > Math.abs(z) ? t : z)} standard errors, wanted: above ${rise})`;
  const findings = failures(records, doctor.limits.failures);
  // Chance alone may look like a rise; at a rate of 0 it is.
  if (learningRate > 0 && certainty(course) > rise) return outcome(evidence, findings);
  const fell = Math.min(t, z) < -rise;
  findings.push({
    code: 'not-learning',
    severity: fell || learningRate === 0 ? 'warning' : 'note',
    message:
      learningRate === 0
        ? 'The learning rate is 0: nothing will be learned.'
        : fell
          ? 'Trained on one prompt without a penalty, the reward falls.'
          : 'Trained on one prompt without a penalty, the reward did not clearly rise.',
    evidence,
    suggestion: adviceOf(fell, learningRate),
  });
  return outcome(evidence, findings);
}

function adviceOf(fell: boolean, learningRate: number): string {
  if (learningRate === 0) return 'The learning rate is 0: give one above it, or a schedule that rises.';
  if (fell) return 'Check the sign of the rewards and of their weights, and lower the learning rate.';
  return 'The run may be too careful to show it in so few steps: try probe.steps and probe.learningRate, and raise the learning rate if it does not rise then either. Or the reward does not depend on what the samples show.';
}

/** Rewards that fail only after a while. */
function failures(records: readonly StepMetrics[], allowed: number): Finding[] {
  const names = Object.keys(records[0]?.reward.byMember ?? {});
  const samples = records.reduce((sum, { reward }) => sum + reward.samples, 0);
  return names.flatMap((name): Finding[] => {
    const failed = records.reduce((sum, { reward }) => sum + (reward.byMember[name]?.failed ?? 0), 0);
    if (failed <= allowed * samples) return [];
    const reason = records.map(({ reward }) => reward.byMember[name]?.failureReason).find(Boolean);
    return [
      {
        code: 'reward-failures',
        severity: failed > 0.5 * samples ? 'error' : 'warning',
        message: `The reward '${name}' fails on many samples of the probe; what it fails on is left out of training.`,
        evidence: `${percent(failed / samples)} of ${samples} samples in ${records.length} steps (allowed: ${percent(allowed)})${reason ? `; first reason: ${reason}` : ''}`,
        suggestion: 'Mend the cause, or wrap the reward so that it retries.',
        reward: name,
      },
    ];
  });
}
