import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildFailure, build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { drawFolders, MAP } from './reference/folder-map.js';
import { floorOf, importedFiles, readSources, type Source } from './support/sources.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const TRANSFORMERS = '@huggingface/transformers';

/** Bundles an entry point as a web application would; Node's own modules do not resolve there. */
async function bundleForBrowser(entry: string, engines: readonly string[] = []) {
  return build({
    entryPoints: [join(root, entry)],
    absWorkingDir: root,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    external: ['@tensorflow/tfjs', ...engines],
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
}

describe('in a browser', () => {
  it.each([
    'src/index.ts',
    'src/models/index.ts',
    'src/models/janus/index.ts',
    'src/models/llamagen/index.ts',
    'src/worker/index.ts',
  ])('%s needs nothing but TensorFlow.js', async (entry) => {
    const { metafile } = await bundleForBrowser(entry);
    const external = Object.values(metafile.outputs).flatMap(({ imports }) =>
      imports.filter((imported) => imported.external).map(({ path }) => path),
    );
    expect(new Set(external)).toEqual(new Set(['@tensorflow/tfjs']));
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((path) => /src\/node\/|fast-png|tfjs-(node|backend)/.test(path))).toEqual([]);
  });

  it('src/rewards/transformers adds the package it is for, when a model is loaded', async () => {
    const { metafile } = await bundleForBrowser('src/rewards/transformers/index.ts', [TRANSFORMERS]);
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    expect(imports.filter(({ external }) => external)).toEqual([
      { path: TRANSFORMERS, kind: 'dynamic-import', external: true },
    ]);
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((path) => /src\/node\/|node_modules/.test(path))).toEqual([]);
  });

  it('src/browser adds the engines, IndexedDB and nothing else', async () => {
    const engines = ['@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-backend-webgpu'];
    const { metafile } = await bundleForBrowser('src/browser/index.ts', [...engines, 'idb']);
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.filter((path) => /src\/node\/|node_modules/.test(path))).toEqual([]);
  });

  it('src/rewards/http brings what it needs, and no TensorFlow.js', async () => {
    const { metafile } = await bundleForBrowser('src/rewards/http/index.ts');
    expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
    const packages = Object.keys(metafile.inputs).flatMap(
      (path) => path.match(/node_modules\/([^/]+)/)?.[1] ?? [],
    );
    expect([...new Set(packages)].sort()).toEqual(['fast-png', 'iobuffer', 'pako', 'valibot']);
  });

  it('src/node does not bundle (so that the test above can fail)', async () => {
    const { errors } = await bundleForBrowser('src/node/index.ts').catch((failure: BuildFailure) => failure);
    expect(errors.map(({ text }) => text)).toContainEqual(
      expect.stringContaining('Could not resolve "node:fs/promises"'),
    );
  });
});

describe('the sources', async () => {
  const sources = await readSources();
  const offenders = (wrong: (source: Source) => boolean) => sources.filter(wrong).map(({ path }) => path);

  it('are found', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.find(({ path }) => path === 'src/node/files.ts')?.imports).toContain('node:fs/promises');
  });

  it('use Node only in src/node and src/distributed', () => {
    const nodeOnly = (name: string) =>
      name.startsWith('node:') || builtinModules.includes(name) || name.startsWith('@tensorflow/tfjs-');
    const engines = ['@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-backend-webgpu'];
    expect(
      offenders(
        ({ path, imports }) =>
          !/^src\/(node|distributed)\//.test(path) &&
          imports.some(
            (name) => nodeOnly(name) && !(path.startsWith('src/browser/') && engines.includes(name)),
          ),
      ),
    ).toEqual([]);
  });

  it('import downward only', () => {
    const upward = sources.flatMap((source) =>
      importedFiles(source)
        .filter((imported) => floorOf(imported) > floorOf(source.path))
        .map((imported) => `${source.path} imports ${imported}`),
    );
    expect(upward).toEqual([]);
  });

  it('are drawn in the map as they import each other now; else run `npm run docs:map`', () => {
    expect(readFileSync(join(root, MAP), 'utf8')).toBe(drawFolders(sources));
  });

  it('know which backend runs only where backends are made, chosen or given kernels', () => {
    const rooms = ['backends', 'kernels', 'node', 'browser'].map((room) => join('src', room, ''));
    const branches = /\bgetBackend\(|["'`](wasm|webgpu|tensorflow)["'`]/;
    expect(
      offenders(({ path, code }) => !rooms.some((room) => path.startsWith(room)) && branches.test(code)),
    ).toEqual([]);
    const found = offenders(({ code }) => branches.test(code));
    expect(found, 'so that the test above can fail').toContain('src/backends/traits.ts');
  });

  it('never wait for the device and never use the library sampler, which repeats itself within a group', () => {
    expect(offenders(({ code }) => /\b(dataSync|arraySync|multinomial)\b/.test(code))).toEqual([]);
  });

  it('import TensorFlow.js whole, the one package with gradients', () => {
    expect(
      offenders(({ path, imports }) =>
        imports.some(
          (name) =>
            name.startsWith('@tensorflow/') &&
            name !== '@tensorflow/tfjs' &&
            !(
              /^src\/(node|browser)\/backend\.ts$/.test(path) && name.startsWith('@tensorflow/tfjs-backend-')
            ),
        ),
      ),
    ).toEqual([]);
  });
});
