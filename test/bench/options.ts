import { parseArgs } from 'node:util';
import { SIZES, type SizeName } from './sizes.js';

/** What `npm run bench` was told. */
export interface BenchOptions {
  readonly names: readonly BenchmarkName[];
  readonly size?: SizeName;
  readonly rounds: number;
  /** Where to write the numbers. */
  readonly json?: string;
  readonly workers: readonly number[];
  /** Node binaries. */
  readonly nodes: readonly string[];
  readonly torch: boolean;
  /** Size of the checkpoint that is loaded. */
  readonly bytes: number;
}

export const BENCHMARKS = [
  'step',
  'decode',
  'train',
  'kernels',
  'memory',
  'checkpointing',
  'growth',
  'load',
  'vq',
  'rewards',
  'distributed',
] as const;
/** Names of the benchmarks. */
export type BenchmarkName = (typeof BENCHMARKS)[number];

/** For whoever asks for something else. */
export const USAGE = `Usage: npm run bench -- ${BENCHMARKS.join('|')}|all
  [--size ${Object.keys(SIZES).join('|')}]   default: demo for step, lean for checkpointing, S for the others
  [--rounds 5] [--workers 1,2] [--node PATH,PATH] [--no-torch] [--json FILE]
  [--bytes 1.2e9]   size of the checkpoint that load reads, at most 1.7e9 (its numbers take twice as much in memory)
or: npm run bench -- docs   writes docs/performance.md from test/bench/results/*.json
PyTorch is measured where python3, or the python that BENCH_PYTHON names, can import torch and safetensors.`;

/** @returns nothing if the arguments make no sense */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      size: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
      workers: { type: 'string', default: '1,2' },
      node: { type: 'string', default: process.execPath },
      'no-torch': { type: 'boolean', default: false },
      bytes: { type: 'string', default: '1.2e9' },
    },
  });
  const [name = '', ...more] = positionals;
  const names = name === 'all' ? BENCHMARKS : BENCHMARKS.filter((known) => known === name);
  const workers = values.workers.split(',').map(Number);
  const rounds = Number(values.rounds);
  const bytes = Number(values.bytes);
  // The wasm backend's memory ends at 4 GiB.
  const loadable = bytes > 0 && bytes <= 1.7e9;
  const counts = [rounds, ...workers].every((count) => Number.isInteger(count) && count > 0);
  const known = values.size === undefined || values.size in SIZES;
  if (names.length === 0 || more.length > 0 || !counts || !known || !loadable) return undefined;
  return {
    ...{ names, rounds, workers, bytes },
    ...(values.size === undefined ? {} : { size: values.size as SizeName }),
    ...(values.json === undefined ? {} : { json: values.json }),
    nodes: values.node.split(','),
    torch: !values['no-torch'],
  };
}
