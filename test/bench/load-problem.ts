import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolder } from '../../src/models/checkpoints/node-folder.js';
import { type WrittenTensor, writeCheckpoint } from '../../src/models/checkpoints/write-checkpoint.js';

/** Shards of a checkpoint. */
const SHARDS = 4;

/** Shapes like those of a language model, in PyTorch's order; the head and layers are loaded transposed. */
function shapes(bytes: number): Map<string, readonly [number, number]> {
  // Embedding and head are at most three quarters of it, with 50 words for each number of the width, as in Janus-Pro-1B.
  let width = 2048;
  while (width > 16 && 200 * width ** 2 > 0.75 * bytes) width /= 2;
  const hidden = 2.75 * width;
  const layers = Math.max(1, Math.ceil((bytes / 2 / width ** 2 - 100) / 12.25));
  const all = new Map<string, readonly [number, number]>([['embed_tokens.weight', [50 * width, width]]]);
  for (let n = 0; n < layers; n++) {
    for (const name of ['q', 'k', 'v', 'o']) all.set(`layers.${n}.${name}_proj.weight`, [width, width]);
    for (const name of ['gate', 'up']) all.set(`layers.${n}.${name}_proj.weight`, [hidden, width]);
    all.set(`layers.${n}.down_proj.weight`, [width, hidden]);
  }
  return all.set('lm_head.weight', [50 * width, width]);
}

/** Writes a checkpoint of about so many bytes to a folder of its own. */
export async function makeCheckpoint(bytes: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-bench-load-'));
  const tensors = [...shapes(bytes)].map(
    ([name, shape], i): WrittenTensor => ({ name, shape, dtype: 'BF16', bytes: () => numbers(shape, i) }),
  );
  await writeCheckpoint(openFolder(folder), tensors, { maxShardBytes: Math.ceil(bytes / SHARDS) });
  return folder;
}

/** Numbers between −2 and 2 without a pattern that a transposition would keep. */
function numbers([rows, columns]: readonly [number, number], seed: number): Uint8Array {
  const values = new Uint16Array(rows * columns);
  let state = seed + 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // A sign, an exponent of 0 to 127, and a fraction.
    values[i] = ((state >>> 31) << 15) | ((state >>> 8) & 0x3fff);
  }
  return new Uint8Array(values.buffer);
}
