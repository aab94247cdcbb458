import { readFileSync } from 'node:fs';
import type { CheckpointFolder } from 'bicot/models/janus';
import { janusTensors } from '../../../src/models/janus/names.js';
import { encodeHeader, sizeOf } from '../../../src/models/safetensors-header.js';
import { deterministicPart } from '../../support/tiny-janus.js';
import { configJson, type JanusSize, janusConfig } from './sizes.js';

/** What the tokenizer is taken from: that of the tiny Janus, whose tokens every size has room for. */
const TOKENIZER = new URL('../../fixtures/janus/original/', import.meta.url);
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json'];
const WEIGHTS = 'model.safetensors';

/** A tensor, and where it lies in the file that does not exist. */
interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * A checkpoint of Janus whose weights follow from their names (`deterministicWeights`). They are made when they are read,
 * piece by piece, so that neither a disk nor the host ever holds them: `loadJanus` reads 7 GB of them as it reads files.
 */
export function syntheticJanus(size: JanusSize): CheckpointFolder {
  const tensors = janusTensors(janusConfig(size)).map(({ name, shape }) => ({
    ...{ name, shape, dtype: 'F32' },
    bytes: 4 * sizeOf(shape),
  }));
  const header = encodeHeader(tensors, {});
  const placed: Placed[] = [];
  let total = header.length;
  for (const { name, shape, bytes } of tensors) {
    placed.push({ name, shape, begin: total, end: total + bytes });
    total += bytes;
  }
  const small: Readonly<Record<string, Uint8Array>> = {
    'config.json': new TextEncoder().encode(JSON.stringify(configJson(size))),
    ...Object.fromEntries(TOKENIZER_FILES.map((file) => [file, readFileSync(new URL(file, TOKENIZER))])),
  };
  return {
    path: 'synthetic Janus',
    list: async () => [...Object.keys(small), WEIGHTS],
    size: async (file) => (file === WEIGHTS ? total : (small[file]?.length ?? 0)),
    async read(file, begin, end) {
      if (file !== WEIGHTS) return Uint8Array.from(small[file] ?? []).subarray(begin, end);
      const bytes = new Uint8Array(end - begin);
      if (begin < header.length) bytes.set(header.subarray(begin, end));
      for (const tensor of placed) {
        if (tensor.end <= begin) continue;
        if (tensor.begin >= end) break;
        const [from, to] = [Math.max(begin, tensor.begin), Math.min(end, tensor.end)];
        bytes.set(bytesOf(tensor, from - tensor.begin, to - tensor.begin), from - begin);
      }
      return bytes;
    },
  };
}

/** The bytes `[begin, end)` of a tensor, little-endian as every machine that runs Node is. */
function bytesOf({ name, shape }: Placed, begin: number, end: number): Uint8Array {
  const first = Math.floor(begin / 4);
  const values = deterministicPart(name, shape, first, Math.ceil(end / 4));
  return new Uint8Array(values.buffer).subarray(begin - 4 * first, end - 4 * first);
}
