import { isBicotError, reasonOf } from '../errors.js';
import { loadKernels } from '../kernels/choice.js';
import { isActive } from '../objective/coefficient.js';
import { levelObjective, type Objective } from '../objective/objective.js';
import { freezeReference } from '../policy/reference.js';
import type { Rollout } from '../rollout/types.js';
import type { Finding } from '../train/findings.js';
import { type TrainOptions, trainSettings } from '../train/options.js';
import { examineDeterminism } from './determinism.js';
import { examineGradients } from './gradients.js';
import { examineGuidance } from './guidance.js';
import { examineMask } from './mask.js';
import { type DoctorOptions, doctorSettings } from './options.js';
import { abortCheck, drawBatch, type Patient } from './patient.js';
import { examineLearning } from './probe.js';
import { examineRatio } from './ratio.js';
import { examineReference } from './reference.js';
import {
  type DoctorReport,
  leftOut,
  notRun,
  type Outcome,
  RUNGS,
  type Rung,
  type RungName,
} from './report.js';
import { examineRewards } from './rewards.js';

/**
 * Examines a training run before it starts: the sanity ladder that maintainers of GRPO trainers repeat, on the very
 * options that `train` takes and on the samples that its first steps will draw. It says what is wrong in plain
 * language, with what was measured.
 *
 * It trains for a few steps on one prompt (unless `probe` is `false`); weights, optimiser and reference are as
 * before afterwards, also if it throws. The same options give the same report on the same backend.
 * @throws BicotError `empty-prompts`, `group-size`, `value` for options that make no sense; `aborted`. Other errors
 * of the policy, the rollout and the rewards are findings (`cannot-run`); those of `onProgress` are passed on
 */
export async function doctor<P, C>(
  config: TrainOptions<P, C>,
  options: DoctorOptions = {},
): Promise<DoctorReport> {
  const settings = trainSettings(config);
  const limits = doctorSettings(options);
  await loadKernels();
  const checkAbort = abortCheck(options.signal, config.signal);
  const signal = options.signal ?? config.signal;
  const made =
    config.reference || !hasPenalty(settings.objective) ? undefined : freezeReference(config.policy);
  const reference = hasPenalty(settings.objective) ? (config.reference ?? made) : undefined;
  const rollouts: Rollout<P, C>[] = [];
  const patient: Patient<P, C> = {
    settings,
    doctor: limits,
    reference,
    rollouts,
    checkAbort,
    noise: new Map(),
    unsound: new Map(),
    scored: [],
  };
  const ladder = examination();
  const callersErrors = new Set<unknown>();
  const progress = (rung: RungName, probeStep?: number) => {
    const done = RUNGS.indexOf(rung);
    try {
      options.onProgress?.({ rung, done, total: RUNGS.length, ...(probeStep && { probeStep }) });
    } catch (error) {
      callersErrors.add(error);
      throw error;
    }
  };
  const climb = async (rung: RungName, examine: () => Promise<Outcome>): Promise<void> => {
    checkAbort();
    progress(rung);
    ladder.add(rung, await caught(rung, examine, callersErrors));
  };
  try {
    await climb('determinism', async () => {
      for (let batch = 0; batch < limits.batches; batch++) {
        checkAbort();
        rollouts.push(await drawBatch(settings, batch, signal));
      }
      return examineDeterminism(patient, signal);
    });
    // Without samples there is nothing to look at.
    const needsSamples = (examine: () => Promise<Outcome>) => async () =>
      rollouts.length >= limits.batches ? examine() : notRun('there are no samples');
    await climb(
      'mask',
      needsSamples(() => examineMask(patient)),
    );
    await climb(
      'ratio',
      needsSamples(() => examineRatio(patient)),
    );
    await climb(
      'guidance',
      needsSamples(() => examineGuidance(patient)),
    );
    await climb(
      'rewards',
      needsSamples(() => examineRewards(patient, (batch) => drawBatch(settings, batch, signal))),
    );
    await climb(
      'reference',
      needsSamples(() => examineReference(patient, config.reference)),
    );
    await climb(
      'gradients',
      needsSamples(() => examineGradients(patient)),
    );
    await climb('learning', async () => {
      const { probe } = limits;
      if (probe === false) return leftOut('probe is false');
      if (ladder.hasErrors()) return notRun('mend the errors above first');
      return examineLearning(patient, { probe, signal, onStep: (step) => progress('learning', step) });
    });
  } finally {
    made?.dispose();
  }
  return ladder.report();
}

/** Collects rungs and findings; of several complaints about the same thing, the first. */
function examination() {
  const rungs: Rung[] = [];
  const findings: Finding[] = [];
  const seen = new Set<string>();
  return {
    add(rung: RungName, { passed, evidence, findings: found, skipped = false }: Outcome): void {
      rungs.push({ rung, passed, evidence, skipped });
      for (const finding of found) {
        const key = [finding.code, finding.level, finding.reward].join('\u241f');
        if (finding.severity === 'note' || !seen.has(key)) findings.push(finding);
        seen.add(key);
      }
    },
    hasErrors: () => findings.some(({ severity }) => severity === 'error'),
    report: (): DoctorReport => ({
      healthy: findings.every(({ severity }) => severity === 'note'),
      findings,
      rungs,
    }),
  };
}

/** An error of what is examined is a finding; being stopped and an error of the caller's `onProgress` are not. */
async function caught(
  rung: RungName,
  examine: () => Promise<Outcome>,
  callersErrors: ReadonlySet<unknown>,
): Promise<Outcome> {
  try {
    return await examine();
  } catch (error) {
    if (isBicotError(error, 'aborted') || callersErrors.has(error)) throw error;
    const message = reasonOf(error);
    const finding: Finding = {
      code: isBicotError(error, 'non-finite') ? 'non-finite' : 'cannot-run',
      severity: 'error',
      message: `An error stops training before it can begin (found at '${rung}').`,
      evidence: message,
      suggestion: isBicotError(error)
        ? 'The error says what to do; training would stop with it as well.'
        : 'It is thrown by the policy, the rollout or a reward: mend it there. Training would stop with it as well.',
    };
    return { passed: false, evidence: 'stopped by an error', findings: [finding] };
  }
}

function hasPenalty(objective: Objective): boolean {
  return ['', ...Object.keys(objective.levels ?? {})].some((name) =>
    isActive(levelObjective(objective, name).klWeight),
  );
}
