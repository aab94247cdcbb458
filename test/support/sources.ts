import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A module of the library. */
export interface Source {
  readonly path: string;
  /** Without comments and types. */
  readonly code: string;
  /** Every module specifier, of type imports as well. */
  readonly imports: readonly string[];
}

/** Every module of the library, without tests. */
export async function readSources(): Promise<readonly Source[]> {
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

/** The files of the library that a module imports. */
export function importedFiles({ path, imports }: Source): string[] {
  return imports
    .filter((name) => name.startsWith('.'))
    .map((name) => relative(root, join(root, dirname(path), name.replace(/\.js$/, '.ts'))));
}

/** The rooms of docs/architecture.md, from the ground up: who may import whom. A module imports its own floor and those below. */
export const FLOORS: readonly (readonly string[])[] = [
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

/** The room that a module is in: its folder of `src/`, or its own name. */
export function roomOf(path: string): string {
  return (path.replace(/^src\//, '').split('/')[0] as string).replace(/\.ts$/, '');
}

/**
 * The floor that a module is on, from 0.
 * @throws Error for a room that is on none
 */
export function floorOf(path: string): number {
  const floor = FLOORS.findIndex((rooms) => rooms.includes(roomOf(path)));
  if (floor < 0) throw new Error(`${path} is on no floor of test/support/sources.ts`);
  return floor;
}
