/** Runs bicot on a folder of adapters beside reference values in the format of `../fixtures/peft/<case>/outputs.json`. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { multiply } from '../../src/models/backbone/matrix.js';
import type { LoraAdapters, MatricesByPath } from '../../src/models/lora/adapters.js';
import { loadAdapters } from '../../src/models/lora/peft-files.js';
import { withoutAdapters } from '../../src/models/lora/reference.js';
import { decodeSafetensors } from '../../src/models/safetensors.js';
import { transposed } from '../../src/tensor/transposed.js';
import { filesFolder, filesOf } from '../support/files.js';
import { UnusableFile } from './read.js';

/** Rows of numbers by module path. */
export type ModuleOutputs = Readonly<Record<string, readonly (readonly number[])[]>>;

/** What each module gives with its adapter on and off. */
export interface OnAndOff {
  readonly on: ModuleOutputs;
  readonly off: ModuleOutputs;
}

/** A file of reference values for the adapters in its folder. */
export interface PeftFile {
  readonly peft: OnAndOff & {
    /** A safetensors file of the modules' weights, `[out, in]` as PyTorch has them; relative to this file. */
    readonly model: string;
    /** By width: a module's input has the columns that it needs. */
    readonly inputs: Readonly<Record<string, readonly (readonly number[])[]>>;
  };
}

/** A module that was compared: the largest errors over the largest magnitude. */
export interface CheckedModule {
  readonly name: string;
  readonly on: number;
  readonly off: number;
}

/** Whether a file of reference values is one of adapters. */
export function isPeftFile(json: unknown): json is PeftFile {
  return typeof json === 'object' && json !== null && 'peft' in json;
}

/**
 * The matrices of a PyTorch checkpoint, `[in, out]`, by module path.
 * @returns the caller disposes them
 */
export function matricesOf(path: string): MatricesByPath {
  const { tensors } = decodeSafetensors(new Uint8Array(readFileSync(path)), path);
  return new Map(
    Object.entries(tensors).map(([name, { data, shape }]) => {
      const [outputs, inputs] = shape as [number, number];
      return [
        name.replace(/\.weight$/, ''),
        tf.tensor2d(transposed(data, outputs, inputs), [inputs, outputs]),
      ];
    }),
  );
}

/** What every module of a model gives, with the adapters on and off. */
export async function moduleOutputs(
  matrices: MatricesByPath,
  adapters: LoraAdapters,
  inputs: PeftFile['peft']['inputs'],
): Promise<OnAndOff> {
  const productOf = (path: string, matrix: tf.Tensor2D): tf.Tensor2D =>
    tf.tidy(() => {
      const rows = inputs[matrix.shape[0]] as number[][];
      const x = tf.tensor2d(rows.flat(), [rows.length, matrix.shape[0]]);
      return multiply(x, [adapters.adapted.get(path) ?? matrix])[0] as tf.Tensor2D;
    });
  const read = async (product: tf.Tensor2D): Promise<number[][]> => {
    const rows = await product.array();
    product.dispose();
    return rows;
  };
  const on: Record<string, number[][]> = {};
  const off: Record<string, number[][]> = {};
  for (const [path, matrix] of matrices) {
    on[path] = await read(productOf(path, matrix));
    off[path] = await read(withoutAdapters(adapters, () => productOf(path, matrix)));
  }
  return { on, off };
}

/**
 * Loads the adapters beside a file of reference values and compares what modules give.
 * @throws UnusableFile saying what is wrong; BicotError
 */
export async function checkPeftFile(path: string, { peft }: PeftFile): Promise<CheckedModule[]> {
  for (const name of ['model', 'inputs', 'on', 'off'] as const) {
    if (peft?.[name] === undefined) throw new UnusableFile(`there is no peft.${name}`);
  }
  const folder = dirname(path);
  const matrices = matricesOf(join(folder, peft.model));
  const adapters = await loadAdapters(filesFolder(filesOf(folder), folder), matrices);
  const got = await moduleOutputs(matrices, adapters, peft.inputs);
  const results = [...matrices.keys()].map((name) => ({
    name,
    on: error(got.on[name], peft.on[name]),
    off: error(got.off[name], peft.off[name]),
  }));
  adapters.dispose();
  tf.dispose([...matrices.values()]);
  return results;
}

type Rows = readonly (readonly number[])[];

function error(got: Rows | undefined, expected: Rows | undefined): number {
  const values = got?.flat() ?? [];
  const wanted = expected?.flat() ?? [];
  if (values.length !== wanted.length) return Number.NaN;
  const largest = Math.max(...wanted.map(Math.abs));
  return Math.max(...values.map((value, i) => Math.abs(value - (wanted[i] as number)))) / largest;
}
