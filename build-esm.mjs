/**
 * Builds the modules for `import`: each source a file of its own in dist/, so that who bundles a page takes what it uses and no
 * more; beside them a file for each entry point, which leads to its module. Part of `npm run build`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { tsImport } from 'tsx/esm/api';

const { library, cli } = await tsImport('./tsup.config.ts', import.meta.url);
const common = { format: 'esm', target: 'es2022', outdir: 'dist', sourcemap: true, logLevel: 'warning' };
const isModule = (source) => source.startsWith('src/');
const entries = Object.entries({ ...library, cli });

const { metafile } = await build({
  ...common,
  ...{ entryPoints: entries.map(([, source]) => source).filter(isModule), bundle: true, splitting: true },
  ...{ packages: 'external', platform: 'node', write: false, metafile: true },
});
const sources = Object.keys(metafile.inputs).filter((path) => isModule(path) && path.endsWith('.ts'));
await build({ ...common, entryPoints: sources, outbase: 'src' });

for (const [name, source] of entries) {
  if (!isModule(source)) {
    // Not of src/: on the library's own entries, as a user's code is.
    await build({
      ...common,
      ...{ entryPoints: { [name]: source }, bundle: true, packages: 'external', platform: 'node' },
      external: ['bicot', 'bicot/*'],
    });
    continue;
  }
  const module = source.replace(/^src\//, '').replace(/\.ts$/, '.js');
  if (module === `${name}.js`) continue;
  const file = join('dist', `${name}.js`);
  const to = relative(dirname(file), join('dist', module)).replaceAll('\\', '/');
  const path = to.startsWith('.') ? to : `./${to}`;
  mkdirSync(dirname(file), { recursive: true });
  const code = source === cli ? `#!/usr/bin/env node\nimport '${path}';\n` : `export * from '${path}';\n`;
  writeFileSync(file, code, { mode: source === cli ? 0o755 : 0o644 });
}
