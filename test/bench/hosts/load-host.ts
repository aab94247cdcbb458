/** Loads a checkpoint in a process of its own and says what memory it took: `load-host.ts FOLDER WAY`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { decodeSafetensors } from 'bicot/models';
import { selectBackend } from 'bicot/node';
import { loadTensor } from '../../../src/models/checkpoints/load-tensor.js';
import { openFolder } from '../../../src/models/checkpoints/node-folder.js';
import { openTensors } from '../../../src/models/checkpoints/open-tensors.js';
import { currentMegabytes, peakMegabytes } from './memory.js';

/** What the process prints. */
export interface Loaded {
  readonly seconds: number;
  /** The most that it held, less what it held before. */
  readonly megabytes: number;
  /** Of all tensors. */
  readonly kept: number;
}

type Tensors = Map<string, tf.Tensor>;

/** Tensor by tensor, in pieces. */
async function inPieces(folder: string): Promise<Tensors> {
  const source = await openTensors(openFolder(folder));
  const tensors: Tensors = new Map();
  for (const name of source.tensors.keys()) {
    tensors.set(name, await loadTensor(source, name, { transpose: name !== 'embed_tokens.weight' }));
  }
  return tensors;
}

/** File by file, as a small model is loaded. */
async function inFiles(folder: string): Promise<Tensors> {
  const tensors: Tensors = new Map();
  for (const file of (await openFolder(folder).list()).filter((name) => name.endsWith('.safetensors'))) {
    const decoded = decodeSafetensors(await readFile(join(folder, file)), file);
    for (const [name, { data, shape }] of Object.entries(decoded.tensors)) {
      const whole = tf.tensor2d(data as Float32Array, shape as [number, number]);
      tensors.set(name, name === 'embed_tokens.weight' ? whole : whole.transpose());
      if (name !== 'embed_tokens.weight') whole.dispose();
    }
  }
  return tensors;
}

/** The last row of each tensor must be what the files say; nobody measures a loader that loads something else. */
async function check(folder: string, tensors: Tensors): Promise<void> {
  const source = await openTensors(openFolder(folder));
  for (const [name, { shape }] of source.tensors) {
    const [rows = 0, columns = 0] = shape;
    const expected = await source.readFloats(name, { begin: rows - 1, end: rows });
    const tensor = tensors.get(name) as tf.Tensor2D;
    const kept = name === 'embed_tokens.weight';
    const row = kept ? tensor.slice([rows - 1, 0], [1, columns]) : tensor.slice([0, rows - 1], [columns, 1]);
    const found = await row.data();
    row.dispose();
    if (!expected.every((value, i) => value === found[i])) throw new Error(`${name} was loaded wrong.`);
  }
}

const [folder = '', way = ''] = process.argv.slice(2);
await selectBackend('wasm');
const before = currentMegabytes();
const start = performance.now();
const tensors = await (way === 'pieces' ? inPieces(folder) : inFiles(folder));
const seconds = (performance.now() - start) / 1000;
const megabytes = peakMegabytes() - before;
await check(folder, tensors);
const loaded: Loaded = { seconds, megabytes, kept: tf.memory().numBytes / 2 ** 20 };
console.log(JSON.stringify(loaded));
