import { readFile } from 'node:fs/promises';
import { BicotError, reasonOf } from '../errors.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  type Safetensors,
} from '../models/safetensors.js';
import { exportWeights, importWeights } from '../models/weights.js';
import type { NamedVariables } from '../policy/policy.js';
import { writeFileAtomic } from './files.js';

/**
 * Saves a policy's variables as one safetensors file, whole or not at all.
 * @param variables `policy.variables`; the caller keeps them
 * @param metadata free-form strings, for example what the weights were trained on
 */
export async function saveWeights(
  path: string,
  variables: NamedVariables,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeSafetensors(path, await exportWeights(variables), metadata);
}

/**
 * Fills a policy's variables from a file of `saveWeights`; nothing is assigned unless everything fits.
 * @returns the file's metadata
 * @throws BicotError `safetensors` if the file cannot be read, is damaged, or holds other weights
 */
export async function loadWeights(
  path: string,
  variables: NamedVariables,
): Promise<Readonly<Record<string, string>>> {
  const { tensors, metadata } = await readSafetensors(path);
  importWeights(variables, tensors, path);
  return metadata;
}

/** Writes host tensors as one safetensors file, whole or not at all. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(tensors, metadata));
}

/**
 * Reads a safetensors file to the host.
 * @throws BicotError `safetensors` if the file cannot be read, is truncated or damaged
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new BicotError(
      'safetensors',
      `Cannot read the weights ${path} (${reason}). Pass the path of a .safetensors file.`,
      {
        cause,
      },
    );
  }
  return decodeSafetensors(bytes, path);
}
