import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { isBicotError } from '../../src/errors.js';
import { memoryFolder } from '../../src/models/checkpoints/memory-folder.js';
import { openTensors } from '../../src/models/checkpoints/open-tensors.js';

/** A file that PyTorch wrote; see test/reference/torch_bin.py. */
export const torchFixture = (name: string): Uint8Array =>
  readFileSync(new URL(`../fixtures/torch/${name}`, import.meta.url));

/** Opens a file and reads all of it. */
export async function readAll(bytes: Uint8Array): Promise<Record<string, number[]>> {
  const folder = memoryFolder({ 'pytorch_model.bin': bytes });
  const source = await openTensors(folder);
  const read: Record<string, number[]> = {};
  for (const name of source.tensors.keys()) read[name] = [...(await source.readFloats(name))];
  return read;
}

/** Fails unless the file is refused in these words. */
export async function expectRefused(bytes: Uint8Array, words: RegExp): Promise<void> {
  const error = await readAll(bytes).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isBicotError(error, 'checkpoint'), String(error)).toBe(true);
  expect((error as Error).message).toMatch(words);
}

/** Fails unless the file can be read, or is refused as one that can't be used. */
export async function expectReadOrRefused(bytes: Uint8Array): Promise<void> {
  const error = await readAll(bytes).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error !== undefined) expect(isBicotError(error, 'checkpoint'), String(error)).toBe(true);
}
