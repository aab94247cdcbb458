import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type PromptRow, parsePromptRows } from '../data/prompts.js';
import { BicotError, reasonOf } from '../errors.js';

/**
 * Reads a prompt file: JSON Lines or one JSON list, in T2I-R1's row format.
 * @throws BicotError `prompt-row` or `empty-prompts`, naming the file and the line; `value` if the file cannot be read
 */
export async function readPromptFile(path: string): Promise<PromptRow[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new BicotError(
      'value',
      `Cannot read the prompt file ${path} (${reason}). Pass the path of a .jsonl or .json file.`,
      { cause },
    );
  }
  return parsePromptRows(text, path);
}

/**
 * Writes a file so that a reader, or a crash, sees the old content or the new one and never half of it:
 * a temporary file beside it, flushed to the disk, then renamed. Makes missing folders.
 */
export async function writeFileAtomic(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** @returns the name of the file that a temporary file of `writeFileAtomic` was to become; undefined for any other file */
export function finalNameOf(name: string): string | undefined {
  return /^(.+)\.[0-9a-f]{12}\.tmp$/.exec(name)?.[1];
}

/** Adds one object as one line of JSON (JSON Lines). Makes missing folders. JSON has no NaN or Infinity: both become null. */
export async function appendJsonLine(path: string, object: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, `${JSON.stringify(object)}\n`);
}
