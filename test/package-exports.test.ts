import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cli, library } from '../tsup.config.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const readJson = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const manifest = readJson('package.json');
const paths = readJson('tsconfig.json').compilerOptions.paths as Record<string, string[]>;
const sources: Readonly<Record<string, string>> = library;

/** Every public entry point, as the user writes it, with the name of its built files. */
const entries = Object.keys(manifest.exports)
  .filter((key) => key !== './package.json')
  .map((key) => ({ key, specifier: join('bicot', key), file: key === '.' ? 'index' : key.slice(2) }));

describe('package.json', () => {
  it('exports exactly what is built', () => {
    expect(entries.map(({ file }) => file).sort()).toEqual(Object.keys(sources).sort());
  });

  it.each(entries)('$specifier has ESM and CJS files with types of their own', ({ key, file }) => {
    expect(manifest.exports[key]).toEqual({
      import: { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
      require: { types: `./dist/${file}.d.cts`, default: `./dist/${file}.cjs` },
    });
    for (const condition of Object.values(manifest.exports[key]) as object[]) {
      expect(Object.keys(condition)[0]).toBe('types'); // the first match wins
    }
  });

  it.each(entries)(
    '$specifier is the same source in the build, the type check and the tests',
    async (entry) => {
      const source = sources[entry.file] as string;
      expect(existsSync(join(root, source))).toBe(true);
      expect(paths[entry.specifier]).toEqual([`./${source}`]);
      const byName = await import(entry.specifier);
      const byPath = await import(join(root, source));
      expect(byName).toBe(byPath);
    },
  );

  it('has one version, and changesets that are about this package', () => {
    const read = (path: string) => readFileSync(join(root, path), 'utf8');
    expect(read('CITATION.cff')).toContain(`\nversion: ${manifest.version}\n`);
    const changesets = readdirSync(join(root, '.changeset')).filter((file) =>
      /^(?!README).*\.md$/.test(file),
    );
    for (const file of changesets) {
      expect(read(`.changeset/${file}`), file).toMatch(/^---\n["']bicot["']: (patch|minor|major)\n---\n\n\S/);
    }
  });

  it('has the command, which Node runs', () => {
    expect(manifest.bin).toEqual({ bicot: 'dist/cli.js' });
    expect(readFileSync(join(root, cli), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('serves tools that do not read exports', () => {
    expect(manifest.main).toBe(manifest.exports['.'].require.default);
    expect(manifest.module).toBe(manifest.exports['.'].import.default);
    expect(manifest.types).toBe(manifest.exports['.'].require.types);
    const older = entries.filter(({ key }) => key !== '.');
    expect(manifest.typesVersions['*']).toEqual(
      Object.fromEntries(older.map(({ key, file }) => [file, [manifest.exports[key].require.types]])),
    );
  });

  it('ships no sources, and promises nothing that would bring a second TensorFlow.js', () => {
    expect(manifest.files).toEqual(['dist', 'LICENSE', 'README.md']);
    expect(manifest.peerDependencies).toHaveProperty('@tensorflow/tfjs');
    expect(Object.keys(manifest.dependencies)).not.toContain('@tensorflow/tfjs');
    expect(manifest.peerDependenciesMeta['@tensorflow/tfjs-node-gpu']).toEqual({ optional: true });
  });
});

describe('the public names', () => {
  it.each(entries)('of $specifier are listed one by one', ({ file }) => {
    const text = readFileSync(join(root, sources[file] as string), 'utf8');
    const statements = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').split(';');
    for (const statement of statements.map((s) => s.trim()).filter((s) => s !== '')) {
      expect(statement).toMatch(/^export (type )?\{[^}]*\} from '\.[^']*\.js'$/);
    }
  });

  it.each(entries)('of $specifier are defined, and none is a default export', async ({ specifier }) => {
    const module = (await import(specifier)) as Record<string, unknown>;
    expect(Object.keys(module).length).toBeGreaterThan(0);
    expect(module).not.toHaveProperty('default');
    for (const [name, value] of Object.entries(module)) expect(value, name).toBeDefined();
  });
});
