import { fileURLToPath } from 'node:url';
import { type Bench, startBench } from '../../bench/benchmarks/bench.js';
import { benchDecode, benchStep, benchTrain } from '../../bench/benchmarks/tasks.js';
import { startHost, startNodeHost } from '../../bench/hosts/host.js';
import type { Skipped } from '../../bench/hosts/protocol.js';
import type { Implementation } from '../../bench/implementations.js';
import { resultTables } from '../../bench/report/tables.js';
import type { Result } from '../../bench/results.js';
import type { SizeName } from '../../bench/sizes.js';
import type { FoundBackend } from '../backends.js';
import type { BenchOptions } from '../options.js';
import type { Deadline } from '../program.js';
import { now, type ResultsFile } from '../results.js';
import { PYTHON, torchDevice } from '../torch.js';

/** Sums of float32 in another order on another engine: what the suites allow gradients between backends. */
const TOLERANCE = 1e-3;

/** In the order of how much they tell. */
const BENCHMARKS: Readonly<Record<string, (bench: Bench, size: SizeName) => Promise<Result>>> = {
  train: benchTrain,
  decode: benchDecode,
  step: benchStep,
};

/** PyTorch first: everything is measured against it. */
function implementations(
  { torch: wanted, start }: BenchOptions,
  backends: readonly FoundBackend[],
): { readonly all: Implementation[]; readonly skipped: Skipped[] } {
  const all: Implementation[] = backends.map(({ name }) => ({
    kind: 'bicot',
    start: () => startNodeHost(name, 'bicot-host.ts', process.execPath, ['1', name, JSON.stringify(start)]),
  }));
  const { device, reason } = torchDevice(wanted, start.software === true);
  if (reason !== undefined || !device) return { all, skipped: [{ name: 'PyTorch', reason: reason ?? '' }] };
  const script = fileURLToPath(new URL('../../bench/torch_bench.py', import.meta.url));
  const env = { BENCH_TORCH_DEVICE: device };
  const torch = { kind: 'torch' as const, start: () => startHost('', PYTHON, ['-B', script], env) };
  return { all: [torch, ...all], skipped: [] };
}

/** A step, an update and decoding of the small policies that bicot is otherwise measured with, on GPUs. */
export async function benchPolicy(
  options: BenchOptions,
  backends: readonly FoundBackend[],
  results: ResultsFile,
  deadline: Deadline,
  command: string,
): Promise<void> {
  const where = backends.map(({ description }) => description).join('; ');
  for (const size of options.policySizes) {
    for (const [benchmark, run] of Object.entries(BENCHMARKS)) {
      const [date, began] = [now(), performance.now()];
      const bench = startBench(
        { rounds: options.rounds, bytes: 0, tolerance: TOLERANCE },
        implementations(options, backends),
      );
      const entry = { part: 'policy', date, command, where, size, benchmark } as const;
      const seconds = (): number => (performance.now() - began) / 1000;
      let [result, failed]: [Result | undefined, string | undefined] = [undefined, undefined];
      try {
        result = await inTime(run(bench, size), deadline);
        console.log(`${resultTables(result)}\n`);
      } catch (error) {
        failed = error instanceof Error ? error.message : String(error);
        console.log(`${benchmark}, size ${size}: ${failed}`);
      }
      bench.stop(failed !== undefined);
      results.put({ ...entry, seconds: seconds(), ...(result && { result }), ...(failed && { failed }) });
      if (deadline.left() === 0) return;
    }
  }
}

/** What an action gives, or an error when the time is over; then the caller ends what it does. */
function inTime<T>(action: Promise<T>, deadline: Deadline): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(deadline.reason)), deadline.left());
    action.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
