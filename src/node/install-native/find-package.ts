import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Where an npm package is installed, as Node would find it from a folder. `require.resolve` would do, but for its memory:
 * it goes on not finding what npm has brought since.
 * @returns the real path of its folder; undefined if it is nowhere
 */
export function findPackage(folder: string, name: string): string | undefined {
  const at = join(folder, 'node_modules', name);
  if (existsSync(join(at, 'package.json'))) return realpathSync(at);
  return dirname(folder) === folder ? undefined : findPackage(dirname(folder), name);
}

/** The version of an installed package. */
export function versionOfPackage(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}
