import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Loaded } from '../hosts/load-host.js';
import { makeCheckpoint } from '../load-problem.js';
import type { Result } from '../results.js';
import type { SizeName } from '../sizes.js';
import type { Bench } from './bench.js';

/** More of them tell little: the same program allocates the same. */
const ROUNDS = 3;

/** Where the project's own settings (tsconfig.json) are found. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The size that is for trying the benchmarks themselves has a checkpoint to match. */
const TINY_BYTES = 2e6;

/** The most memory that a process takes to load a checkpoint, and how long. */
export async function benchLoad(bench: Bench, size: SizeName): Promise<Result> {
  const bytes = size === 'tiny' ? TINY_BYTES : bench.bytes;
  const rounds = Math.min(bench.rounds, ROUNDS);
  const folder = await makeCheckpoint(bytes);
  try {
    const pieces: Loaded[] = [];
    const files: Loaded[] = [];
    for (let round = 0; round < rounds; round++) {
      pieces.push(await load(folder, 'pieces'));
      files.push(await load(folder, 'files'));
    }
    const kept = pieces.map((loaded) => loaded.kept);
    const memory = (loaded: readonly Loaded[]): number[] => loaded.map(({ megabytes }) => megabytes);
    const variants = [
      { name: 'the weights themselves', rounds: kept },
      { name: 'tensor by tensor, in pieces', rounds: memory(pieces) },
      { name: 'file by file', rounds: memory(files) },
    ];
    console.log(`Seconds to load, in pieces: ${seconds(pieces)}; file by file: ${seconds(files)}.`);
    const title = `${(bytes / 1e9).toPrecision(2)} GB of bfloat16`;
    return {
      benchmark: 'load',
      size,
      comparisons: [{ title, unit: 'MB', first: 'floor', variants }],
      skipped: [],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const seconds = (loaded: readonly Loaded[]): string =>
  loaded.map((each) => each.seconds.toFixed(2)).join(', ');

/** In a process of its own. */
async function load(folder: string, way: 'pieces' | 'files'): Promise<Loaded> {
  const host = fileURLToPath(new URL('../hosts/load-host.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), host, folder, way],
    { cwd: ROOT },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Loaded;
}
