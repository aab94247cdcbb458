import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A folder with bicot in `node_modules`, as `npm i` leaves it, of the sources as they are: `node_modules/.bin/bicot` runs it, and
 * modules import it. Other packages are those of this repository.
 * @returns its path, below the repository; the caller removes it
 */
export async function installedFolder(name: string): Promise<string> {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', `${name}-`));
  const own = join(folder, 'node_modules/bicot');
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/\.(test|d)\.ts$|assembly/.test(path))
    .map((path) => join(root, 'src', path));
  await build({
    ...{ entryPoints: sources, outdir: join(own, 'dist'), outbase: join(root, 'src') },
    ...{ format: 'esm', target: 'es2022', logLevel: 'warning' },
  });
  const { version, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
    exports: object;
  };
  // Entries are files of their own in dist/; here they are where their sources are.
  const entries = Object.fromEntries(
    Object.keys(exports)
      .filter((entry) => ['.', './models', './node'].includes(entry))
      .map((entry) => [entry, `./dist/${join(entry, 'index.js')}`]),
  );
  const manifest = { name: 'bicot', version, type: 'module', exports: entries };
  writeFileSync(join(own, 'package.json'), JSON.stringify(manifest));
  const cli = join(own, 'dist/cli.js');
  writeFileSync(cli, "#!/usr/bin/env node\nimport './node/cli/bin.js';\n");
  chmodSync(cli, 0o755);
  mkdirSync(join(folder, 'node_modules/.bin'));
  symlinkSync('../bicot/dist/cli.js', join(folder, 'node_modules/.bin/bicot'));
  return folder;
}
