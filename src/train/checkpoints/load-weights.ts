import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import type { CheckpointFolder } from '../../models/checkpoints/folder.js';
import { folderOf } from '../../models/checkpoints/folder-of.js';
import type { NamedVariables } from '../../policy/policy.js';
import { type Manifest, readManifest, stepsOf } from './manifest.js';
import { readTensors, verifyTensors } from './tensors.js';

/** Which of a run's weights are wanted. */
export interface RunWeightsOptions {
  /** A number of steps; the newest; or the one with the largest `keepBest` number. Default `last`. */
  readonly checkpoint?: number | 'last' | 'best';
  /** The averaged weights in place of the weights themselves. Default false. */
  readonly ema?: boolean;
}

/**
 * Puts the weights of a checkpoint into a policy, without the rest of the run: to sample, to evaluate, to save them in
 * another format.
 * @param folder where `train({ checkpoints: { folder } })` saved them: a path, in Node, or a folder
 * @param variables `policy.variables` of a policy that was made as for the training
 * @returns the steps that had been made
 * @throws BicotError `checkpoint` if there is none, it is damaged or of another model, or holds no average; `value` for
 *   `best` where nothing was kept by a number
 */
export async function loadRunWeights(
  folder: string | CheckpointFolder,
  variables: NamedVariables,
  options: RunWeightsOptions = {},
): Promise<number> {
  const { checkpoint = 'last', ema = false } = options;
  const place = folderOf(folder);
  const manifest = await findManifest(place, checkpoint);
  const part = ema ? manifest.ema : manifest.weights;
  if (!part) {
    throw new BicotError(
      'checkpoint',
      `${place.path}: step ${manifest.step} holds no averaged weights. Train with ema: { decay }, or load the weights themselves.`,
    );
  }
  const shapes = Object.fromEntries(Object.entries(variables).map(([name, { shape }]) => [name, shape]));
  await readTensors(await verifyTensors(place, part, shapes), (tensors) => {
    for (const [name, variable] of Object.entries(variables)) {
      variable.assign(tensors[name] as tf.Tensor<tf.Rank>);
    }
  });
  return manifest.step;
}

async function findManifest(
  folder: CheckpointFolder,
  checkpoint: number | 'last' | 'best',
): Promise<Manifest> {
  const steps = stepsOf(await folder.list());
  const [newest] = steps;
  if (newest === undefined) {
    throw new BicotError(
      'checkpoint',
      `${folder.path} holds no checkpoint. Pass the folder that a run was saved to.`,
    );
  }
  if (checkpoint === 'last') return readManifest(folder, newest);
  if (checkpoint === 'best') return best(folder, steps);
  if (steps.includes(checkpoint)) return readManifest(folder, checkpoint);
  throw new BicotError(
    'checkpoint',
    `${folder.path} holds no checkpoint of step ${checkpoint}; it has ${steps.join(', ')}.`,
  );
}

async function best(folder: CheckpointFolder, steps: readonly number[]): Promise<Manifest> {
  let found: Manifest | undefined;
  for (const step of steps) {
    const manifest = await readManifest(folder, step);
    if (manifest.value === undefined || Number.isNaN(manifest.value)) continue;
    // Newest first: of equals, the older.
    if (found?.value === undefined || manifest.value >= found.value) found = manifest;
  }
  if (found) return found;
  throw new BicotError(
    'value',
    `${folder.path}: no checkpoint was kept by a number, so none is the best. Train with checkpoints: { keepBest }, or take 'last'.`,
  );
}
