import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finalNameOf } from '../files.js';

/**
 * Removes what a process that was killed while it replaced a file has left.
 * @param mine which files of the folder, by their final name
 */
export async function removeLeftovers(folder: string, mine: (name: string) => boolean): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const final = finalNameOf(name);
    if (final !== undefined && mine(final)) await rm(join(folder, name), { force: true }).catch(() => {});
  }
}
