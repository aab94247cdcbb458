import type { CheckpointFolder } from './folder.js';
import { openFolder } from './node-folder.js';
import { urlFolder } from './url-folder.js';

/**
 * The folder that a user means.
 * @param where a path, an address that begins with http(s), or a folder, which is given back
 * @throws BicotError `unsupported` for a path where there is no file system
 */
export function folderOf(where: string | CheckpointFolder): CheckpointFolder {
  if (typeof where !== 'string') return where;
  return /^https?:\/\//i.test(where) ? urlFolder(where) : openFolder(where);
}
