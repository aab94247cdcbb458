import { STOCK } from '../bicot/pass.js';
import { assertSame, TOLERANCE } from '../check.js';
import type { Skipped, Task } from '../hosts/protocol.js';
import { measure, median, type PlacedVariant } from '../measure.js';
import type { Comparison, Limit } from '../results.js';
import { absent, type Bench, close, open } from './bench.js';

/** What to compare. */
export interface CompareOptions {
  readonly task: Extract<Task, 'train' | 'decode' | 'step'>;
  /** The folder of a problem. */
  readonly problem: string;
  readonly title: string;
  readonly flops?: number;
}

/** Times a task in every implementation, after checking that all compute the same. */
export async function compare(
  bench: Bench,
  { task, problem, title, flops }: CompareOptions,
): Promise<{ readonly comparison: Comparison; readonly skipped: Skipped[] }> {
  const variants: PlacedVariant[] = [];
  const skipped: Skipped[] = [...bench.skipped];
  for (const implementation of bench.implementations) {
    const host = await bench.host(implementation);
    const opened = await open(host, { task, problem });
    variants.push(...opened);
    skipped.push(...host.hello.skipped, ...absent(host, opened, task));
  }
  assertAllSame(title, variants, bench.tolerance);
  const timings = await measure(variants, bench.rounds);
  await close(variants);
  const counted = flops === undefined ? {} : { flops, limits: await measureLimits(bench, problem) };
  return { comparison: { title, unit: 'ms', variants: timings, ...counted }, skipped };
}

/** Throws unless every variant computes what the first does. */
export function assertAllSame(
  title: string,
  variants: readonly PlacedVariant[],
  tolerance = TOLERANCE,
): void {
  const [first, ...others] = variants;
  for (const other of others) {
    if (first) assertSame(`${title}: ${first.name} and ${other.name}`, first.check, other.check, tolerance);
  }
}

/** The fastest products of each kind of kernel, at the shapes of the problem and a large square. */
async function measureLimits(bench: Bench, problem: string): Promise<Limit[]> {
  const best = new Map<string, number>();
  for (const implementation of bench.implementations) {
    if (implementation.kind !== 'bicot') continue;
    const variants = await open(await bench.host(implementation), { task: 'products', problem });
    for (const { name, rounds, flops = 0 } of await measure(variants, bench.rounds)) {
      best.set(name, Math.max(best.get(name) ?? 0, flops / median(rounds) / 1e6));
    }
    await close(variants);
  }
  return [...best].map(([kernels, gflops]) => ({
    name: kernels.startsWith(STOCK) ? kernels.replace(STOCK, 'tf.matMul') : `linear of ${kernels}`,
    gflops: Number(gflops.toPrecision(3)),
  }));
}
