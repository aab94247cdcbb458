import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { patiently } from './patience.js';

/**
 * Adds to the end of a file, all of it or, if it fails, nothing, and sees it onto the disk: what was logged survives the end
 * of the process, and of the machine. Makes the file and missing folders.
 * @throws BicotError `file`
 */
export async function appendWhole(path: string, data: Uint8Array, retries: number): Promise<void> {
  // How long the file was before the first attempt: where an attempt that broke off in the middle is cut away.
  let before: number | undefined;
  await patiently(path, retries, async () => {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a');
    try {
      const found = await file.stat();
      before ??= found.size;
      if (found.size > before) await file.truncate(before);
      try {
        await file.appendFile(data);
        // What is no file, such as a pipe, has no disk.
        if (found.isFile()) await file.datasync();
      } catch (error) {
        // It may be the last attempt. If this fails too, the next start finds half a line.
        await file.truncate(before).catch(() => {});
        throw error;
      }
    } finally {
      await file.close();
    }
  });
}
