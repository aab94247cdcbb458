import { join } from 'node:path';
import { isBicotError } from '../../../errors.js';
import type { Objective } from '../../../objective/objective.js';
import { type PresetName, presetObjective } from '../../../objective/presets.js';
import type { Resume } from '../../../train/checkpoints/options.js';
import type { StepMetrics } from '../../../train/metrics.js';
import { type Schedule, warmupCosine, warmupLinear } from '../../../train/schedule.js';
import { VERSION } from '../../../version.js';
import { reportLogger, writeReport } from '../../report/write-report.js';
import type { RunDefinition, RunSettings } from '../../run/definition.js';
import { runFolder } from '../../run/run-folder.js';
import { INTERRUPTED, stopOnSignals } from '../../stop-on-signals.js';
import type { LoadedConfig } from '../config/load.js';
import { type StartedRun, startRun } from './parts.js';
import { bar, clock, type ProgressOutput } from './progress.js';

/** How a run is trained from the command line. */
export interface TrainRunOptions {
  readonly config: LoadedConfig;
  readonly resume: Resume;
  readonly allowChanges?: boolean;
  readonly output: ProgressOutput;
}

/** Seconds between two reports on the disk. */
const REPORT_EVERY = 30;

/**
 * Trains, writing the run's folder as it goes.
 * @returns the exit status: 0 when the run is over, 130 when it was stopped and saved
 * @throws BicotError as `train`, `runFolder` and the run's setup do
 */
export async function trainRun({ config, resume, allowChanges, output }: TrainRunOptions): Promise<number> {
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
    const loggers = [...folder.loggers, reportLogger(out, { everySeconds: REPORT_EVERY })];
    const { train } = await import('../../../train/train.js');
    const seen = told(definition.steps, output);
    for await (const { metrics, findings } of train({
      ...trainOptions(definition, run, { resume, allowChanges }),
      ...{ loggers, signal: stop.signal },
      onProgress: ({ step, phase }) => output.update(`step ${step + 1}/${definition.steps}  ${phase} …`),
    })) {
      seen(metrics);
      for (const { severity, message } of findings) output.print(`${severity}: ${message}`);
    }
    const { file } = await writeReport(out);
    output.print(`${definition.steps} steps are made · ${file}`);
    output.emit({ event: 'done', steps: definition.steps, run: out });
    return 0;
  } catch (error) {
    if (!isBicotError(error, 'aborted') || !stop.signal.aborted) throw error;
    output.print(`Stopped and saved. To go on: npx bicot resume ${out}`);
    output.emit({ event: 'stopped', run: out, resume: `npx bicot resume ${out}` });
    return INTERRUPTED;
  } finally {
    stop.release();
    run.policy.dispose?.();
  }
}

function trainOptions(
  definition: RunDefinition,
  { policy, rollout, reward, prompts }: StartedRun,
  { resume, allowChanges = false }: { resume: Resume; allowChanges?: boolean },
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
    ...(workers > 0 && { parallel: { workers } }),
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

function objectiveOf(objective: RunSettings['objective'] = 't2iR1'): Objective {
  if (typeof objective === 'string') return presetObjective(objective);
  if (!('preset' in objective)) return objective;
  const { preset, ...options } = objective;
  return presetObjective(preset as PresetName, options);
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

/** Says what a step came to. */
function told(steps: number, output: ProgressOutput): (metrics: StepMetrics) => void {
  const start = performance.now();
  let made = 0;
  return (metrics) => {
    made++;
    const left = ((performance.now() - start) / made / 1000) * (steps - metrics.step - 1);
    const { reward, levels, gradNorm, seconds } = metrics;
    const kl = Object.entries(levels).map(([name, level]) => `${name} ${level.kl.toPrecision(2)}`);
    const share = (metrics.step + 1) / steps;
    output.print(
      `step ${metrics.step + 1}/${steps} ${bar(share, 12)} reward ${reward.mean.toFixed(4)} ± ${reward.std.toFixed(4)}  ` +
        `KL ${kl.join(', ')}  |g| ${gradNorm.toPrecision(3)}  ${seconds.total.toFixed(1)} s, ${clock(left)} left`,
    );
    output.emit({ event: 'step', ...metrics });
  };
}
