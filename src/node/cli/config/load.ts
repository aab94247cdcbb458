import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { createJiti } from 'jiti';
import { BicotError, isBicotError } from '../../../errors.js';
import type { RunDefinition } from '../../run/definition.js';
import { runOf, withAbsolutePaths } from './build.js';
import { withOverrides } from './overrides.js';
import { checkJsonConfig, checkSettings, type JsonConfig } from './schema.js';

/** A configuration that was read and checked. */
export interface LoadedConfig {
  readonly definition: RunDefinition;
  /** What of it is plain data, for `config.json`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** How to load the same again. */
  readonly origin: ConfigOrigin;
}

/** Where a configuration came from, as `config.json` keeps it. */
export interface ConfigOrigin {
  /** Absolute. */
  readonly file: string;
  /** Of the file as it was. */
  readonly sha256: string;
  /** `--set` of the command line. */
  readonly overrides: readonly string[];
}

/**
 * Reads a configuration: JSON, or a module in TypeScript or JavaScript whose default export `defineRun` made.
 * @param overrides `a.b=value`, of JSON's values or text
 * @throws BicotError `value`, naming file, field, value and what is allowed
 */
export async function loadConfig(path: string, overrides: readonly string[] = []): Promise<LoadedConfig> {
  const file = resolve(path);
  const bytes = await bytesOf(path);
  const origin = { file, overrides, sha256: checksum(bytes) };
  return isJson(file)
    ? { ...fromJson(path, file, bytes.toString('utf8'), overrides), origin }
    : { ...(await fromModule(path, file, overrides)), origin };
}

/**
 * The checksum of a configuration as it is now.
 * @throws BicotError `value` if it can't be read
 */
export const checksumOf = async (path: string): Promise<string> => checksum(await bytesOf(path));

const checksum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const bytesOf = (path: string): Promise<Buffer> =>
  readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new BicotError(
      'value',
      `${path}: the configuration can't be read (${cause.message}). Name a file in JSON or TypeScript; docs/cli.md shows both.`,
      { cause },
    );
  });

/** Whether a run of that configuration needs the file no more, since its `config.json` holds everything. */
export const isJson = (file: string): boolean => extname(file) === '.json';

/**
 * The configuration that a run's `config.json` holds, of one that was made with JSON.
 * @param file that `config.json`
 * @param saved its fields, without what `bicot train` adds
 * @throws BicotError `value`, as `loadConfig`, for one that was changed by hand
 */
export function loadSavedJson(file: string, saved: object, origin: ConfigOrigin): LoadedConfig {
  return { ...jsonRun(checkJsonConfig(file, saved), resolve(file)), origin };
}

type Read = Omit<LoadedConfig, 'origin'>;

function fromJson(path: string, file: string, text: string, overrides: readonly string[]): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BicotError('value', `${path} is no JSON (${(cause as Error).message}). Mend it there.`, {
      cause,
    });
  }
  return jsonRun(checkJsonConfig(path, withOverrides(value, overrides)), file);
}

function jsonRun(config: JsonConfig, file: string): Read {
  const settings = { ...withAbsolutePaths(config, dirname(file)), out: outOf(config.out, file) };
  return { definition: runOf(settings), settings };
}

async function fromModule(path: string, file: string, overrides: readonly string[]): Promise<Read> {
  let given: unknown;
  try {
    given = await createJiti(import.meta.url).import(file, { default: true });
  } catch (cause) {
    if (isBicotError(cause)) throw cause;
    throw new BicotError('value', `${path} can't be loaded: ${(cause as Error).message}`, { cause });
  }
  const { setup, ...data } = (given ?? {}) as Partial<RunDefinition>;
  if (typeof setup !== 'function') {
    throw new BicotError(
      'value',
      `${path} has no run; expected \`export default defineRun({ steps, learningRate, setup, … })\`, with defineRun of 'bicot/node'.`,
    );
  }
  const checked = checkSettings(path, withOverrides(data, overrides));
  const settings = { ...checked, out: outOf(checked.out, file) };
  return { definition: { ...settings, setup }, settings: { ...settings } };
}

/** Relative to where the command was called, as all paths of the command line. */
const outOf = (out: string | undefined, file: string): string =>
  resolve(out ?? `runs/${basename(file).replace(/(\.config)?\.[^.]+$/, '')}`);
