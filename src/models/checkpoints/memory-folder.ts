import { concatHost } from '../../tensor/host-concat.js';
import { assertByteRange, assertFileName, checkpointError, endsEarly } from './failure.js';
import type { EditableFolder } from './folder.js';

/**
 * A folder in memory, for tests and browsers.
 * @param files its files, by name; what is written is added to this object
 */
export function memoryFolder(files: Record<string, Uint8Array> = {}): EditableFolder {
  const path = 'memory';
  const find = (file: string): Uint8Array => {
    const bytes = Object.hasOwn(files, file) ? files[file] : undefined;
    if (bytes) return bytes;
    throw checkpointError(
      path,
      `there is no file ${file}`,
      `It has ${Object.keys(files).join(', ') || 'none'}.`,
    );
  };
  return {
    path,
    list: async () => Object.keys(files).sort(),
    size: async (file) => find(file).length,
    async read(file, begin, end) {
      assertByteRange(file, begin, end);
      const bytes = find(file);
      if (end > bytes.length) throw endsEarly(`${path}/${file}`, begin, end, bytes.length);
      // Not by `slice`: a Buffer's is a view.
      return new Uint8Array(bytes.subarray(begin, end));
    },
    async write(file, pieces) {
      assertFileName(path, file);
      const parts: Uint8Array[] = [];
      for await (const piece of pieces) parts.push(new Uint8Array(piece));
      files[file] = concatHost(parts, (length) => new Uint8Array(length));
    },
    async remove(file) {
      delete files[file];
    },
  };
}
