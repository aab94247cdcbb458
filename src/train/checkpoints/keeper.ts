import type * as tf from '@tensorflow/tfjs';
import { BicotError, firstLineOf, isBicotError } from '../../errors.js';
import { checkpointError } from '../../models/checkpoints/failure.js';
import type { CheckpointFolder, EditableFolder } from '../../models/checkpoints/folder.js';
import { openFolder } from '../../models/checkpoints/node-folder.js';
import { VERSION } from '../../version.js';
import { writePatiently } from '../../write-patiently.js';
import type { Coefficients } from '../coefficients.js';
import type { WeightAverage } from '../ema.js';
import type { StepMetrics } from '../metrics.js';
import type { MonitorState } from '../monitor/monitor.js';
import type { Optimizer } from '../optimizer.js';
import type { TrainSettings } from '../options.js';
import { assertSameRun, type RunIdentity, runIdentity } from './identity.js';
import { encodeManifest, fileOf, type Manifest, readManifest, stepsOf } from './manifest.js';
import { Mismatch } from './mismatch.js';
import type { CheckpointSettings } from './options.js';
import { removeUnfinished, tidy } from './retention.js';
import { readTensors, saveTensors, verifyTensors } from './tensors.js';

/** What of a run lives in objects. */
export interface RunObjects {
  readonly optimizer: Optimizer;
  readonly ema?: WeightAverage;
}

/** What of a run is plain data. */
export interface RunPosition {
  /** Steps that were made. */
  readonly step: number;
  readonly coefficients: Coefficients;
  readonly monitor?: MonitorState;
}

/** Saves a run, and brings it back. */
export interface CheckpointKeeper {
  /** Where the run goes on; absent if it begins. Weights, optimiser and average are as they were then. */
  readonly resumed?: RunPosition;
  /** A step was made; what is there now can be saved. */
  made(position: RunPosition, metrics: StepMetrics): void;
  /** Whether the step that was made last is to be saved. */
  due(): boolean;
  /** Saves it. If that can't be done, says so, and the run goes on. */
  save(): Promise<void>;
  /**
   * The run ends: saves the last step that was made, if it is not saved.
   * @throws BicotError `checkpoint` if it can't be saved
   */
  close(): Promise<void>;
  /** The run ends with an error: saves as `close`. @returns the error, with how to go on if it was an abort */
  closeAfter(error: unknown): Promise<unknown>;
}

/**
 * Opens a run's checkpoints, and brings back the newest that is whole if `resume` says so. To be called while the policy
 * has the weights that the run begins with.
 * @throws BicotError `unsupported` for a path where there is no file system; `checkpoint` for checkpoints of another run, all of them damaged, there or not there against `resume`
 */
export async function checkpointKeeper<P, C>(
  settings: TrainSettings<P, C>,
  options: CheckpointSettings,
  objects: RunObjects,
): Promise<CheckpointKeeper> {
  const { every } = options;
  const folder = typeof options.folder === 'string' ? openFolder(options.folder) : options.folder;
  const keeping: Keeping = { ...options, folder };
  const identity = await runIdentity(settings);
  const resumed = await bringBack(settings, keeping, objects, identity);
  await removeUnfinished(folder).catch(() => {});
  let saved = resumed?.step;
  let last: { position: RunPosition; value?: number; updates: number } | undefined;

  const close = async (): Promise<void> => {
    if (!last || last.position.step === saved) return;
    // In the middle of a step, with one of several updates made: what is there is of no step.
    if (objects.optimizer.step !== last.updates) return;
    await writeRun(settings, keeping, objects, { identity, ...last });
    saved = last.position.step;
    await tidy(folder, keeping).catch((error) => {
      keeping.onWarning(
        `bicot: old checkpoints in ${folder.path} could not be removed (${firstLineOf(error)}).`,
      );
    });
  };
  return {
    ...(resumed && { resumed }),
    made(position, metrics) {
      const value = keeping.keepBest?.by(metrics);
      last = { position, updates: objects.optimizer.step, ...(value === undefined ? {} : { value }) };
    },
    due: () => last !== undefined && last.position.step % every === 0,
    save: () =>
      close().catch((error) => {
        keeping.onWarning(
          `bicot: ${firstLineOf(error)} The run goes on; it is tried again in ${every} steps.`,
        );
      }),
    close,
    async closeAfter(error) {
      try {
        await close();
      } catch (failed) {
        keeping.onWarning(`bicot: ${firstLineOf(failed)}`);
      }
      if (!isBicotError(error, 'aborted') || saved === undefined) return error;
      const how = `The run is saved at step ${saved} in ${folder.path}; train with resume: 'auto' to go on.`;
      return new BicotError('aborted', `${error.message} ${how}`, { cause: error });
    },
  };
}

/** Settings with the folder opened. */
interface Keeping extends CheckpointSettings {
  readonly folder: EditableFolder;
}

interface Saved {
  readonly identity: RunIdentity;
  readonly position: RunPosition;
  readonly value?: number;
}

/** Writes all files, the manifest last; several times if it must. */
async function writeRun<P, C>(
  { policy }: TrainSettings<P, C>,
  { folder, retries }: Keeping,
  { optimizer, ema }: RunObjects,
  { identity, position, value }: Saved,
): Promise<void> {
  const { step, coefficients, monitor } = position;
  const part = (name: 'weights' | 'optimizer' | 'ema', tensors: Readonly<Record<string, tf.Tensor>>) =>
    saveTensors(folder, fileOf(step, `${name}.safetensors`), tensors);
  const writeOnce = async (): Promise<void> => {
    const manifest: Manifest = {
      ...{ format: 1, bicot: VERSION, step, identity, coefficients },
      ...(monitor && { monitor }),
      updates: optimizer.step,
      weights: await part('weights', policy.variables),
      optimizer: await part('optimizer', optimizer.state()),
      ...(ema && { ema: await part('ema', ema.weights) }),
      ...(value === undefined ? {} : { value }),
    };
    await folder.write(fileOf(step, 'json'), [await encodeManifest(manifest)]);
  };
  await writePatiently(writeOnce, retries, (error, attempts) =>
    checkpointError(
      folder.path,
      `step ${step} could not be saved in ${attempts} attempts (${firstLineOf(error)})`,
      'What was saved before is untouched. Make room on the disk, or mend its permissions.',
      error,
    ),
  );
}

async function bringBack<P, C>(
  settings: TrainSettings<P, C>,
  { folder, allowChanges, onWarning }: Keeping,
  objects: RunObjects,
  identity: RunIdentity,
): Promise<RunPosition | undefined> {
  const steps = stepsOf(await filesOf(folder));
  if (settings.resume === 'never' && steps.length > 0) {
    throw new BicotError(
      'checkpoint',
      `${folder.path} holds a run that has come to step ${steps[0]}. Train with resume: 'auto' to go on with it, or pass another folder for a new one.`,
    );
  }
  if (settings.resume === 'must' && steps.length === 0) {
    throw new BicotError(
      'checkpoint',
      `${folder.path} holds no checkpoint, but resume is 'must'. Pass the folder of the run, or resume: 'auto' to begin one.`,
    );
  }
  const damage: unknown[] = [];
  for (const step of steps) {
    try {
      const manifest = await readManifest(folder, step);
      if (!allowChanges) assertSameRun(folder.path, manifest.identity, identity);
      const position = await restore(settings, folder, manifest, objects);
      if (damage.length > 0) {
        onWarning(`bicot: ${firstLineOf(damage[0])} The run goes on from step ${step}, the one before it.`);
      }
      return position;
    } catch (error) {
      if (!isBicotError(error) || error instanceof Mismatch) throw error;
      damage.push(error);
    }
  }
  if (damage.length === 0) return undefined;
  throw checkpointError(
    folder.path,
    `none of its ${damage.length} checkpoints can be read (${firstLineOf(damage[0])})`,
    'Bring one back from a copy, or begin anew in another folder.',
    damage[0],
  );
}

/** Names of its files; none in a folder that is not there. */
async function filesOf(folder: CheckpointFolder): Promise<string[]> {
  try {
    return await folder.list();
  } catch (error) {
    if ((error as { cause?: { code?: unknown } }).cause?.code === 'ENOENT') return [];
    throw error;
  }
}

/** Everything is read and compared before anything is changed. */
async function restore<P, C>(
  { policy }: TrainSettings<P, C>,
  folder: CheckpointFolder,
  manifest: Manifest,
  { optimizer, ema }: RunObjects,
): Promise<RunPosition> {
  const { step, coefficients, monitor } = manifest;
  const shapes = Object.fromEntries(
    Object.entries(policy.variables).map(([name, variable]) => [name, variable.shape]),
  );
  if (Boolean(ema) !== Boolean(manifest.ema)) {
    throw new Mismatch(
      `${folder.path}/${fileOf(step, 'json')}: it ${manifest.ema ? 'holds' : 'lacks'} averaged weights, but the run ${ema ? 'averages' : 'does not average'} them. Give the option ema as it was when the run was begun.`,
    );
  }
  const weights = await verifyTensors(folder, manifest.weights, shapes);
  const moments = await verifyTensors(folder, manifest.optimizer);
  const averages = manifest.ema && (await verifyTensors(folder, manifest.ema, shapes));
  await readTensors(weights, (tensors) => {
    for (const [name, variable] of Object.entries(policy.variables)) {
      variable.assign(tensors[name] as tf.Tensor<tf.Rank>);
    }
  });
  await readTensors(moments, (tensors) => optimizer.restore(tensors, manifest.updates));
  if (averages) await readTensors(averages, (tensors) => ema?.restore(tensors));
  return { step, coefficients, ...(monitor && { monitor }) };
}
