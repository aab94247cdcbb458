import { join } from 'node:path';
import { BicotError, isBicotError } from '../../../errors.js';
import type { ExecutorSource } from '../../../parallel/executor.js';
import type { Resume } from '../../../train/checkpoints/options.js';
import type { Logger } from '../../../train/logger.js';
import type { StepMetrics } from '../../../train/metrics.js';
import { type Schedule, warmupCosine, warmupLinear } from '../../../train/schedule.js';
import { VERSION } from '../../../version.js';
import { reportLogger, writeReport } from '../../report/write-report.js';
import type { RunDefinition, RunSettings } from '../../run/definition.js';
import { runFolder } from '../../run/run-folder.js';
import { INTERRUPTED, stopOnSignals } from '../../stop-on-signals.js';
import type { LoadedConfig } from '../config/load.js';
import { objectiveOf } from '../config/objective.js';
import { type StartedRun, startRun } from './parts.js';
import type { ProgressOutput } from './progress.js';
import { stepLines } from './step-lines.js';

/** How a run is trained from the command line. */
export interface TrainRunOptions {
  readonly config: LoadedConfig;
  readonly resume: Resume;
  readonly allowChanges?: boolean;
  readonly output: ProgressOutput;
  /** Who computes. Default: this process, with the workers that the configuration says. */
  readonly executor?: ExecutorSource;
}

/** Seconds between two reports on the disk. */
const REPORT_EVERY = 30;

/**
 * Trains, writing the run's folder as it goes.
 * @returns the exit status: 0 when the run is over, 130 when it was stopped and saved
 * @throws BicotError as `train`, `runFolder` and the run's setup do
 */
export async function trainRun({
  config,
  resume,
  allowChanges,
  output,
  executor,
}: TrainRunOptions): Promise<number> {
  const { definition, settings, origin } = config;
  const out = definition.out as string;
  const stop = stopOnSignals((line) => output.print(line));
  const run = await startRun(definition);
  try {
    output.print(`bicot train · ${out} · ${run.backend}`);
    const folder = await runFolder(out, {
      config: { ...settings, origin, bicot: VERSION },
      pictures: { promptText: run.promptText },
      ...trackedOf(definition, run),
    });
    const best = definition.checkpoints?.best;
    const loggers = [
      ...(best === undefined ? [] : [requireMember(best)]),
      ...folder.loggers,
      reportLogger(out, { everySeconds: REPORT_EVERY }),
    ];
    const { train } = await import('../../../train/train.js');
    const lines = stepLines(definition.steps, output);
    for await (const { metrics, findings } of train({
      ...trainOptions(definition, run, { resume, allowChanges, executor }),
      ...{ loggers, signal: stop.signal },
      onProgress: lines.during,
    })) {
      lines.after(metrics);
      for (const { severity, message } of findings) output.print(`${severity}: ${message}`);
    }
    const { file } = await writeReport(out);
    output.print(`${definition.steps} steps are made · ${file}`);
    output.emit({ event: 'done', steps: definition.steps, run: out });
    return 0;
  } catch (error) {
    if (!isBicotError(error, 'aborted') || !stop.signal.aborted) throw error;
    const goOn = `npx bicot resume ${/^[\w./:\\-]+$/.test(out) ? out : JSON.stringify(out)}`;
    output.print(`Stopped and saved. To go on: ${goOn}`);
    output.emit({ event: 'stopped', run: out, resume: goOn });
    return INTERRUPTED;
  } finally {
    // An error is written to where the line stands.
    output.clear();
    stop.release();
    run.policy.dispose?.();
  }
}

function trainOptions(
  definition: RunDefinition,
  { policy, rollout, reward, prompts }: StartedRun,
  { resume, allowChanges = false, executor }: Pick<TrainRunOptions, 'resume' | 'allowChanges' | 'executor'>,
) {
  const { steps, groupSize, promptsPerStep, seed, microBatch, updatesPerRollout, maxGradNorm, ema } =
    definition;
  const { workers = 0, checkpoints = {}, out } = definition;
  const { best, every, keepLast } = checkpoints;
  const given = {
    groupSize,
    promptsPerStep,
    seed,
    microBatch,
    updatesPerRollout,
    maxGradNorm,
    ema,
    every,
    keepLast,
  };
  const { every: saveEvery, keepLast: newest, ...options } = definedOf(given);
  return {
    ...{ policy, rollout, reward, prompts, steps, ...options },
    learningRate: scheduleOf(definition),
    objective: objectiveOf(definition.objective),
    ...(executor ? { executor } : workers > 0 && { parallel: { workers } }),
    resume,
    checkpoints: {
      folder: join(out as string, 'checkpoints'),
      allowChanges,
      ...definedOf({ every: saveEvery, keepLast: newest }),
      ...(best !== undefined && { keepBest: { count: 1, by: meanOf(best) } }),
    },
  };
}

/** Without what is undefined, which would hide defaults. */
function definedOf<T extends object>(all: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

const meanOf =
  (name: string) =>
  ({ reward }: StepMetrics): number =>
    (reward.monitors[name] ?? reward.byMember[name])?.mean ?? Number.NaN;

/** Which rewards there are is only known when they have answered; a name that is none would keep nothing, in silence. */
function requireMember(name: string): Logger<unknown, unknown> {
  return ({ metrics: { reward } }) => {
    const names = [...Object.keys(reward.byMember), ...Object.keys(reward.monitors)];
    if (names.includes(name)) return;
    throw new BicotError(
      'value',
      `checkpoints.best is ${JSON.stringify(name)}, and no reward or monitor of that name answers; expected one of ${names.join(', ')}.`,
    );
  };
}

function scheduleOf({ learningRate, steps }: RunSettings): number | Schedule {
  if (typeof learningRate === 'number') return learningRate;
  const { shape = 'linear', warmupSteps = 0, ...rest } = learningRate;
  // The last step has a rate of its own, and not yet the final one.
  const options = { ...rest, warmupSteps: Math.min(warmupSteps, steps), totalSteps: steps + 1 };
  return shape === 'linear' ? warmupLinear(options) : warmupCosine(options);
}

function trackedOf(
  { track = {} }: RunSettings,
  { rollout, reward, prompts, evaluation, promptText }: StartedRun,
) {
  const some = (evaluation?.prompts ?? prompts).slice(0, track.prompts ?? 4);
  if (some.length === 0) return {};
  const own = evaluation?.reward ?? reward;
  return {
    tracked: { rollout, reward: own, prompts: some, promptText, ...(track.every && { every: track.every }) },
  };
}
