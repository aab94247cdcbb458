import * as tf from '@tensorflow/tfjs';
import type { NamedVariables } from '../../policy/policy.js';
import { uniformStream } from '../../tensor/noise.js';
import { assertFloat, assertShape } from '../../tensor/shape.js';
import type { AdaptedMatrix, AdapterSwitch } from '../backbone/matrix.js';
import {
  type AdapterSize,
  adapterSizes,
  type LoraOptions,
  type LoraSettings,
  loraOptions,
  targetPaths,
} from './options.js';

/** A model's frozen matrices, `[in, out]`, by their modules' paths, such as `language_model.model.layers.0.mlp.up_proj`. */
export type MatricesByPath = ReadonlyMap<string, tf.Tensor2D>;

/** Adapters beside some of a model's matrices: all that is trained of it. */
export interface LoraAdapters {
  /** As asked for, defaults filled in. */
  readonly options: LoraSettings;
  /** Turns all of them off and on; `withoutAdapters` is the safe way. */
  readonly power: AdapterSwitch;
  /** The matrices that have one, by path, in the order of the model's. */
  readonly adapted: ReadonlyMap<string, AdaptedMatrix>;
  /** A `[in, r]` as `<path>.lora_A` and B `[r, out]` as `<path>.lora_B`, in the order of `adapted`. */
  readonly variables: NamedVariables;
  /** Frees A and B, not the matrices. Safe to call twice. */
  dispose(): void;
}

/** The values of A `[in, r]` and B `[r, out]` that an adapter starts with. */
export interface AdapterValues {
  readonly down: Float32Array;
  readonly up: Float32Array;
}

/**
 * Adapters that change nothing yet: A is uniform in ±1/√in, as PEFT's and PyTorch's linear layers are, B is 0.
 * @param matrices frozen; stay the caller's, who keeps them as long as the adapters
 * @returns the caller disposes it
 * @throws BicotError `value` for options out of range or targets that name no module, `unsupported` for dropout, `shape`
 */
export function createAdapters(matrices: MatricesByPath, options: LoraOptions): LoraAdapters {
  const settings = loraOptions(options);
  const paths = targetPaths(settings.targets, [...matrices.keys()]);
  return makeAdapters(matrices, paths, settings, (path, rows, columns) => ({
    down: uniformMatrix(uniformStream(settings.seed, 'lora', path), rows, columns),
    up: new Float32Array(0),
  }));
}

/**
 * Adapters beside the matrices of these paths.
 * @param values of A and B; an empty B is zeros
 * @returns the caller disposes it
 * @throws BicotError `shape`, `value` for something that is no float32 matrix
 */
export function makeAdapters(
  matrices: MatricesByPath,
  paths: readonly string[],
  settings: LoraSettings,
  values: (path: string, inputs: number, rank: number) => AdapterValues,
): LoraAdapters {
  const sizes = adapterSizes(settings);
  const power: AdapterSwitch = { on: true };
  const adapted = new Map<string, AdaptedMatrix>();
  const variables: Record<string, tf.Variable> = {};
  for (const path of paths) {
    const weight = matrices.get(path) as tf.Tensor2D;
    assertShape(`createAdapters: ${path}`, weight, [null, null], '[in, out]');
    assertFloat('createAdapters', { [path]: weight });
  }
  for (const path of paths) {
    const weight = matrices.get(path) as tf.Tensor2D;
    const matrix = adaptedMatrix(weight, sizes(path), power, values(path, weight.shape[0], sizes(path).rank));
    adapted.set(path, matrix);
    variables[`${path}.lora_A`] = matrix.adapter.down;
    variables[`${path}.lora_B`] = matrix.adapter.up;
  }
  return { options: settings, power, adapted, variables, dispose: () => tf.dispose(variables) };
}

function adaptedMatrix(
  weight: tf.Tensor2D,
  { rank, scale }: AdapterSize,
  power: AdapterSwitch,
  { down, up }: AdapterValues,
): AdaptedMatrix {
  const [inputs, outputs] = weight.shape;
  const variables = tf.tidy(() => ({
    down: tf.variable(tf.tensor2d(down, [inputs, rank])),
    up: tf.variable(up.length > 0 ? tf.tensor2d(up, [rank, outputs]) : tf.zeros<tf.Rank.R2>([rank, outputs])),
  }));
  return { weight, adapter: { ...variables, scale, power } };
}

/** Uniform in ±1/√rows, the bound of `kaiming_uniform_` with a = √5 for so many inputs. */
function uniformMatrix(stream: () => number, rows: number, columns: number): Float32Array {
  const bound = 1 / Math.sqrt(rows);
  return Float32Array.from({ length: rows * columns }, () => (2 * stream() - 1) * bound);
}
