/**
 * What a page downloads for each entry point: bundled and minified by esbuild with all dependencies but the peers, gzipped.
 *
 *     npm run size               after `npm run build`; exits with 1 beyond a budget of size.json
 *
 * `start` is what is loaded with the import; the rest of `all` comes when it is called for: the kernels of the backend that
 * runs, code of checkpoints by a training that saves, what `checkPolicy` and `doctor` examine.
 * Prints one `ok` or `not ok` line per budget.
 *
 * The core is the composable functions, from sampling to the update: below 40 kB. Its entry point exports more (`train`,
 * the doctor, conformance checks, evaluation), which tree shaking leaves out. Importing those parts dynamically was tried:
 * the whole entry then starts with 73 kB, but esbuild makes chunks of dynamic imports whether they are reached or not, and
 * a page with nothing but a loss grew from 9 to 58 kB.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { teller } from '../tell.mjs';
import { entryPoints, readJson, root } from './package.mjs';

const { build } = createRequire(join(root, 'package.json'))('esbuild');
const { peerDependencies } = readJson('package.json');
/** In kB of 1000 bytes: `names` of the entry point `from`, all of them where there are none. */
const budgets = readJson('test/packages/checks/size.json');
const built = new Map(entryPoints().map(({ specifier, code }) => [specifier, join(root, code)]));

async function measure({ from, names }) {
  const contents = names
    ? `export { ${names.join(', ')} } from ${JSON.stringify(built.get(from))};`
    : `export * from ${JSON.stringify(built.get(from))};`;
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root },
    ...{ absWorkingDir: root, outdir: 'out', write: false, metafile: true, logLevel: 'error' },
    ...{ bundle: true, minify: true, splitting: true, format: 'esm', target: 'es2022' },
    ...(from.includes('node') ? { platform: 'node' } : { platform: 'browser', external: ['node:*'] }),
    plugins: [
      {
        name: 'peers',
        setup({ onResolve }) {
          const peers = Object.keys(peerDependencies).map((name) => name.replaceAll('/', '\\/'));
          onResolve({ filter: new RegExp(`^(${peers.join('|')})($|/)`) }, ({ path }) => ({
            path,
            external: true,
          }));
        },
      },
    ],
  });
  const bytes = new Map(
    outputFiles.map(({ path, contents: code }) => [
      path.slice(root.length + 1),
      gzipSync(code, { level: 9 }).length,
    ]),
  );
  const [entry] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === '<stdin>');
  const start = new Set([entry]);
  for (const path of start) {
    for (const { kind, path: imported } of metafile.outputs[path].imports) {
      if (kind !== 'dynamic-import' && bytes.has(imported)) start.add(imported);
    }
  }
  const sum = (paths) => [...paths].reduce((total, path) => total + bytes.get(path), 0) / 1000;
  return { start: sum(start), all: sum(bytes.keys()) };
}

const tell = teller('size');
const say = (wrong, text) => tell.say(wrong ? 'not ok' : 'ok', text);

for (const budget of budgets) {
  const sizes = await measure(budget);
  const { name = budget.from } = budget;
  for (const part of ['start', 'all']) {
    const text = `${name}, ${part}: ${sizes[part].toFixed(1)} of ${budget[part]} kB`;
    say(!(sizes[part] <= budget[part]), text);
  }
}
const unlimited = [...built.keys()].filter(
  (name) => !budgets.some(({ from, names }) => from === name && !names),
);
if (unlimited.length > 0) say(true, `no budget in size.json for ${unlimited.join(', ')}`);
process.exit(tell.failed() === 0 ? 0 : 1);
