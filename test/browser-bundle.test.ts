import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildFailure, build, transform } from 'esbuild';
import { describe, expect, it } from 'vitest';

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

interface Source {
  readonly path: string;
  /** Without comments and types. */
  readonly code: string;
  /** Every module specifier, of type imports as well. */
  readonly imports: readonly string[];
}

async function readSources(): Promise<readonly Source[]> {
  const folder = join(root, 'src');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    // AssemblyScript, which is no TypeScript: it becomes the modules in binary/.
    .filter((path) => !path.includes(join('wasm', 'assembly')))
    .map((path) => join(folder, path));
  return Promise.all(
    files.map(async (file) => {
      const text = readFileSync(file, 'utf8');
      const { code } = await transform(text, { loader: 'ts', legalComments: 'none' });
      const imports = [...text.matchAll(/^(?:import|export)\b(?:[^;']*?from)? '([^']+)'/gm)].map(
        (m) => m[1] as string,
      );
      const dynamic = [...code.matchAll(/\b(?:import|require)\(\s*["']([^"']+)["']/g)].map(
        (m) => m[1] as string,
      );
      return { path: relative(root, file), code, imports: [...imports, ...dynamic] };
    }),
  );
}

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
    const floors = [
      [
        'errors',
        'options',
        'abort',
        'backoff',
        'sha256',
        'turn',
        'version',
        'write-patiently',
        'recipe',
        'backends',
        'tensor',
      ],
      ['kernels', 'objective'],
      ['policy', 'image', 'rewards'],
      ['sampling', 'models', 'data'],
      ['rollout'],
      ['parallel'],
      ['train'],
      ['evaluation'],
      ['conformance'],
      ['doctor'],
      ['worker', 'distributed'],
      ['index', 'browser', 'node'],
    ];
    const floorOf = (path: string): number => {
      const room = path
        .replace(/^src\//, '')
        .split('/')[0]
        ?.replace(/\.ts$/, '');
      const floor = floors.findIndex((rooms) => rooms.includes(room as string));
      expect(floor, `${path} is on no floor`).toBeGreaterThanOrEqual(0);
      return floor;
    };
    const upward = sources.flatMap(({ path, imports }) =>
      imports
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(root, join(root, dirname(path), name.replace(/\.js$/, '.ts'))))
        .filter((imported) => floorOf(imported) > floorOf(path))
        .map((imported) => `${path} imports ${imported}`),
    );
    expect(upward).toEqual([]);
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
