import { BicotError, firstLineOf } from '../../errors.js';
import type { CheckpointFolder } from '../checkpoints/folder.js';

/**
 * Reads a JSON file of a folder.
 * @throws BicotError `checkpoint` if it is missing or no JSON
 */
export async function readJson(folder: CheckpointFolder, file: string): Promise<unknown> {
  try {
    const bytes = await folder.read(file, 0, await folder.size(file));
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new BicotError(
      'checkpoint',
      `${folder.path}: ${file} can't be read (${firstLineOf(cause)}). A Janus checkpoint has it beside its weights; fetch the folder again.`,
      { cause },
    );
  }
}
