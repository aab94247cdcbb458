import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BicotError } from '../../../errors.js';
import {
  type ConfigOrigin,
  checksumOf,
  isJson,
  type LoadedConfig,
  loadConfig,
  loadSavedJson,
} from '../config/load.js';

/** What a run's `config.json` holds, beside its settings. */
export interface SavedConfig {
  readonly origin: ConfigOrigin;
  readonly bicot: string;
}

/**
 * The configuration that a run was made with: of one in JSON what the run's folder says; a module is loaded again.
 * @param run its folder
 * @param allowChanges take a module that is another one now
 * @throws BicotError `value` for a folder without a run of `bicot train`, or if its module has changed
 */
export async function savedConfig(run: string, allowChanges = false): Promise<LoadedConfig> {
  const file = join(run, 'config.json');
  let saved: Partial<SavedConfig> & { readonly out?: unknown };
  try {
    saved = JSON.parse(await readFile(file, 'utf8')) ?? {};
  } catch (cause) {
    throw new BicotError(
      'value',
      `${run} is no folder of a run (${(cause as Error).message}). Name one that \`bicot train\` made, such as runs/1.`,
      { cause },
    );
  }
  const { origin, bicot: _, ...settings } = saved;
  if (typeof origin?.file !== 'string') {
    throw new BicotError(
      'value',
      `${file} does not say what the run was made with: it is not of \`bicot train\`. Go on with it where it was begun.`,
    );
  }
  // The folder may have been moved.
  const out = resolve(run);
  if (isJson(origin.file)) return loadSavedJson(file, { ...settings, out }, origin);
  // Asked before the module is run.
  if (!allowChanges && (await checksumOf(origin.file)) !== origin.sha256) {
    throw new BicotError(
      'value',
      `${origin.file} has changed since ${run} was begun, so that it would not be the same run. Bring it back, or say --allow-changes.`,
    );
  }
  const loaded = await loadConfig(origin.file, origin.overrides);
  const { definition } = loaded;
  return { ...loaded, definition: { ...definition, out }, settings: { ...loaded.settings, out } };
}
