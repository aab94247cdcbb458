import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

export const readJson = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** Every entry point: its name as users write it, and its built files. */
export function entryPoints() {
  return Object.entries(readJson('package.json').exports)
    .filter(([key]) => key !== './package.json')
    .map(([key, { import: files }]) => ({
      specifier: join('bicot', key),
      types: files.types,
      code: files.default,
    }));
}
