/** Writes the version of package.json to where it stands besides, after `changeset version`: `npm run release`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, root } from './package.mjs';

const { version } = readJson('package.json');
for (const [path, line] of [
  ['src/version.ts', /(?<=VERSION = ')[^']+/],
  ['CITATION.cff', /(?<=^version: ).+/m],
]) {
  const file = join(root, path);
  writeFileSync(file, readFileSync(file, 'utf8').replace(line, version));
}
