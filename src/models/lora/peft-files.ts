import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { transposed } from '../../tensor/transposed.js';
import type { CheckpointFolder, WritableFolder } from '../checkpoints/folder.js';
import { decodeSafetensors, encodeSafetensors, type HostTensor } from '../safetensors.js';
import { type LoraAdapters, type MatricesByPath, makeAdapters } from './adapters.js';
import { torchValues } from './merge.js';
import { adapterSizes, type LoraSettings, modulesInWords } from './options.js';
import { type PeftConfig, peftConfigText, readPeftConfig } from './peft-config.js';

const CONFIG = 'adapter_config.json';
const TENSORS = 'adapter_model.safetensors';

/** The files of a folder of adapters, as PEFT's `save_pretrained` lays them out. */
export interface PeftFiles {
  /** JSON: ranks, alphas, targets. */
  readonly 'adapter_config.json': Uint8Array;
  /** A and B of every adapter, `[r, in]` and `[out, r]`. */
  readonly 'adapter_model.safetensors': Uint8Array;
}

/** What else the files say. */
export interface PeftFileOptions {
  /** Name or path of the model that the adapters belong to. Default: none is named. */
  readonly baseModel?: string;
}

const tensorName = (path: string, part: 'A' | 'B') => `base_model.model.${path}.lora_${part}.weight`;

/** The module that a tensor of the file belongs to. */
const modulePath = (name: string) =>
  name.replace(/^base_model\.model\./, '').replace(/\.lora_[AB]\.weight$/, '');

/**
 * Adapters as PEFT's files: what PEFT, and what reads its files, loads onto a PyTorch model whose modules have these paths.
 * Deterministic: same adapters, same bytes.
 */
export async function encodePeft(adapters: LoraAdapters, options: PeftFileOptions = {}): Promise<PeftFiles> {
  const tensors: Record<string, HostTensor> = {};
  for (const [path, { adapter }] of adapters.adapted) {
    for (const [part, matrix] of [
      ['A', adapter.down],
      ['B', adapter.up],
    ] as const) {
      const [rows, columns] = matrix.shape;
      const name = tensorName(path, part);
      tensors[name] = { dtype: 'F32', shape: [columns, rows], data: await torchValues(matrix) };
    }
  }
  return {
    [CONFIG]: new TextEncoder().encode(peftConfigText(adapters, options.baseModel)),
    // Readers of PyTorch's world ask for the format.
    [TENSORS]: encodeSafetensors(tensors, { format: 'pt' }),
  };
}

/**
 * Writes adapters to a folder in PEFT's layout, `adapter_config.json` and `adapter_model.safetensors`. The model's own
 * matrices are not in it.
 */
export async function saveAdapters(
  folder: WritableFolder,
  adapters: LoraAdapters,
  options: PeftFileOptions = {},
): Promise<void> {
  const files = await encodePeft(adapters, options);
  // The configuration last: a folder that has it is complete.
  for (const name of [TENSORS, CONFIG] as const) await folder.write(name, [files[name]]);
}

/**
 * What the configuration of saved adapters says of them; reads no adapter.
 * @throws BicotError `checkpoint` for a folder without it, or one that says what bicot does not compute
 */
export async function readAdapterSettings(folder: CheckpointFolder): Promise<LoraSettings> {
  return (await readConfig(folder)).settings;
}

async function readConfig(folder: CheckpointFolder): Promise<PeftConfig> {
  const text = new TextDecoder().decode(await readWhole(folder, CONFIG));
  return readPeftConfig(text, `${folder.path}/${CONFIG}`);
}

/**
 * Reads adapters in PEFT's layout, bicot's or PEFT's own, and puts them beside a model's matrices. Every module that the
 * configuration names must have its tensors in the file, and every tensor its module in the model.
 * @param matrices frozen, `[in, out]`, by the paths that modules have in the model the adapters were trained on, or what gives
 * them for the paths in the file, for a model whose modules have more than one name; they stay the caller's, who keeps them
 * as long as the adapters
 * @param elsewhere modules that the caller does not compute, whose adapters are left out. Default none
 * @returns the caller disposes it
 * @throws BicotError `checkpoint` for a folder without the files, a configuration that says what bicot does not compute, and
 * tensors that do not fit; `safetensors` for a damaged file
 */
export async function loadAdapters(
  folder: CheckpointFolder,
  matrices: MatricesByPath | ((paths: readonly string[]) => MatricesByPath),
  elsewhere: (path: string) => boolean = () => false,
): Promise<LoraAdapters> {
  const { settings, isTarget } = await readConfig(folder);
  const source = `${folder.path}/${TENSORS}`;
  const { tensors: all } = decodeSafetensors(await readWhole(folder, TENSORS), source);
  const tensors = Object.fromEntries(Object.entries(all).filter(([name]) => !elsewhere(modulePath(name))));
  const known = typeof matrices === 'function' ? matrices(Object.keys(tensors).map(modulePath)) : matrices;
  const paths = [...known.keys()].filter(isTarget);
  const sizeOf = adapterSizes(settings);
  const expected = paths.flatMap((path) => {
    const [inputs, outputs] = (known.get(path) as tf.Tensor2D).shape;
    const { rank } = sizeOf(path);
    return [
      [tensorName(path, 'A'), [rank, inputs]],
      [tensorName(path, 'B'), [outputs, rank]],
    ] as const;
  });
  assertFits(source, tensors, new Map(expected), [...known.keys()]);
  const read = (name: string) => {
    const { data, shape } = tensors[name] as HostTensor;
    return transposed(data, ...(shape as [number, number]));
  };
  return makeAdapters(known, paths, settings, (path) => ({
    down: read(tensorName(path, 'A')),
    up: read(tensorName(path, 'B')),
  }));
}

async function readWhole(folder: CheckpointFolder, file: string): Promise<Uint8Array> {
  const files = await folder.list();
  if (!files.includes(file)) {
    const shown = files.length > 0 ? `it has ${shortList(files)}` : 'it is empty';
    throw new BicotError(
      'checkpoint',
      `${folder.path} has no ${file}; ${shown}. A folder of adapters, as PEFT's save_pretrained and saveAdapters write it, has ${CONFIG} and ${TENSORS}: check the path, and save again with safetensors if it has adapter_model.bin.`,
    );
  }
  return folder.read(file, 0, await folder.size(file));
}

/** All tensors there, none left over, each of the shape that the model and the configuration say. */
function assertFits(
  source: string,
  tensors: Readonly<Record<string, HostTensor>>,
  expected: ReadonlyMap<string, readonly number[]>,
  paths: readonly string[],
): void {
  const has = (name: string) => Object.hasOwn(tensors, name);
  const missing = [...expected.keys()].filter((name) => !has(name));
  const extra = Object.keys(tensors).filter((name) => !expected.has(name));
  const wrong = [...expected]
    .filter(([name]) => has(name))
    .flatMap(([name, shape]) => {
      const found = tensors[name] as HostTensor;
      if (found.dtype !== 'F32') return [`${name}, which holds ${found.dtype} instead of floats`];
      return found.shape.join() === shape.join()
        ? []
        : [`${name} [${found.shape.join(', ')}] instead of [${shape.join(', ')}]`];
    });
  if (missing.length + extra.length + wrong.length === 0 && expected.size > 0) return;
  const list = (label: string, names: readonly string[]) =>
    names.length > 0 ? ` ${label}: ${shortList(names)}.` : '';
  throw new BicotError(
    'checkpoint',
    `${source} does not fit this model and ${CONFIG}.${list('Missing', missing)}${list('Left over', extra)}${list('Of another shape', wrong)} ${modulesInWords(paths)} Check that the adapters were trained on this model, and that their configuration is the one saved with them.`,
  );
}

/** A few of many names. */
function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(', ');
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
}
