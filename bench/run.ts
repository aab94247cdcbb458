/**
 * Benchmarks: `npm run bench -- NAME [--rounds 5] [--size demo|tiny] [--backend wasm]`.
 *
 * Variants of one thing run in turn in one process and are checked to agree before they are timed; what counts is
 * the ratio of their medians. The tables are Markdown, as in docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { type BackendName, selectBackend } from 'bicot/node';
import { benchKernels } from './kernels.js';
import { circumstances } from './measure.js';
import { benchSampling } from './sampling.js';
import { type BenchOptions, SIZES } from './settings.js';

const BENCHMARKS: Readonly<Record<string, (options: BenchOptions) => Promise<void>>> = {
  kernels: benchKernels,
  sampling: benchSampling,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    size: { type: 'string', default: 'demo' },
    backend: { type: 'string', default: 'wasm' },
  },
});
const [name = ''] = positionals;
const bench = BENCHMARKS[name];
const size = SIZES[values.size];
const rounds = Number(values.rounds);
if (bench === undefined || size === undefined || !(Number.isInteger(rounds) && rounds > 0)) {
  console.error(
    `Usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--rounds 5] [--size ${Object.keys(SIZES).join('|')}] [--backend wasm]`,
  );
  process.exit(2);
}
const backend = await selectBackend(values.backend as BackendName);
console.log(`${circumstances(backend.description)}; medians of ${rounds} interleaved rounds\n`);
await bench({ size, rounds });
