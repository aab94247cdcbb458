/**
 * Benchmarks: `npm run bench -- step|decode|train|kernels|memory|checkpointing|growth|load|vq|rewards|
 * distributed|all`, with the options that it
 * prints when it does not understand; `npm run bench -- docs` writes the page.
 *
 * Variants of one thing run in turn, each implementation in a process of its own, and are checked to agree before
 * they are timed; what counts is the ratio of their medians.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { selectBackend } from 'bicot/node';
import { type Bench, startBench } from './benchmarks/bench.js';
import { benchCheckpointing } from './benchmarks/checkpointing.js';
import { benchDistributed } from './benchmarks/distributed.js';
import { benchGrowth } from './benchmarks/growth.js';
import { benchKernels } from './benchmarks/kernels.js';
import { benchLoad } from './benchmarks/load.js';
import { benchMemory } from './benchmarks/memory.js';
import { benchRewards } from './benchmarks/rewards.js';
import { benchDecode, benchStep, benchTrain } from './benchmarks/tasks.js';
import { benchVq } from './benchmarks/vq.js';
import { implementations } from './implementations.js';
import { type BenchmarkName, type BenchOptions, readOptions, USAGE } from './options.js';
import { PAGE, readResults, writtenPage } from './report/page.js';
import { circumstancesLine, resultTables } from './report/tables.js';
import { circumstances, currentLoad, type Result } from './results.js';
import type { SizeName } from './sizes.js';

const RUNS: Readonly<Record<BenchmarkName, (bench: Bench, size: SizeName) => Promise<Result>>> = {
  step: benchStep,
  decode: benchDecode,
  train: benchTrain,
  kernels: benchKernels,
  memory: benchMemory,
  checkpointing: benchCheckpointing,
  growth: benchGrowth,
  load: benchLoad,
  vq: benchVq,
  rewards: benchRewards,
  distributed: benchDistributed,
};

/** Sizes that say most, where it is not S. */
const USUAL: Partial<Record<BenchmarkName, SizeName>> = { step: 'demo', checkpointing: 'lean' };

async function run(options: BenchOptions): Promise<void> {
  const load = currentLoad();
  const bench = startBench(options, implementations(options));
  const results: Result[] = [];
  try {
    for (const name of options.names) {
      const size = options.size ?? USUAL[name] ?? 'S';
      const result = await RUNS[name](bench, size);
      results.push(result);
      console.log(`${resultTables(result)}\n`);
    }
  } finally {
    bench.stop();
  }
  const file = { circumstances: circumstances(bench.versions(), options.rounds, load), results };
  console.log(circumstancesLine(file.circumstances));
  if (options.json !== undefined) {
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, `${JSON.stringify(file, null, 1)}\n`);
  }
}

const args = process.argv.slice(2);
const options = args[0] === 'docs' ? undefined : readOptions(args);
if (args[0] === 'docs') {
  writeFileSync(PAGE, writtenPage(readResults()));
} else if (options) {
  // Problems are written here; everything else is computed in processes of its own.
  await selectBackend('wasm');
  await run(options);
} else {
  console.error(USAGE);
  process.exitCode = 2;
}
