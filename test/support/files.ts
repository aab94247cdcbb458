import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WritableFolder } from '../../src/models/checkpoints/folder.js';

/** A folder in memory; `files` is what it holds, now and after it was written to. */
export function filesFolder(files: Record<string, Uint8Array> = {}, path = 'memory'): WritableFolder {
  const file = (name: string) => {
    const bytes = files[name];
    if (!bytes) throw new Error(`no file ${name}`);
    return bytes;
  };
  return {
    path,
    list: async () => Object.keys(files),
    size: async (name) => file(name).length,
    read: async (name, begin, end) => file(name).slice(begin, end),
    async write(name, pieces) {
      const written: number[] = [];
      for await (const piece of pieces) written.push(...piece);
      files[name] = Uint8Array.from(written);
    },
  };
}

/** What a directory holds, by name. */
export function filesOf(directory: string): Record<string, Uint8Array> {
  return Object.fromEntries(
    readdirSync(directory).map((name) => [name, new Uint8Array(readFileSync(join(directory, name)))]),
  );
}
