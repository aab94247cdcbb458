import type { Skipped } from '../hosts/protocol.js';
import type { Implementation } from '../implementations.js';
import type { Timing } from '../measure.js';
import type { Result } from '../results.js';
import { SIZES, type Size, type SizeName } from '../sizes.js';
import { type Bench, open } from './bench.js';

/** More of them tell little: the same program allocates the same. */
const ROUNDS = 3;

/** The most memory that a process holds that makes one update and nothing else. */
export async function benchMemory(bench: Bench, name: SizeName): Promise<Result> {
  const size: Size = SIZES[name];
  const problem = await bench.problem(size, { prompts: size.trainPrompts, plan: false });
  const variants: Timing[] = [];
  const skipped: Skipped[] = [...bench.skipped];
  for (const implementation of bench.implementations) {
    const { hello, suffix } = await bench.host(implementation);
    skipped.push(...hello.skipped);
    for (const variant of hello.variants) {
      const rounds: number[] = [];
      for (let round = 0; round < Math.min(bench.rounds, ROUNDS); round++) {
        rounds.push(Math.round(await peak(implementation, problem, variant)));
      }
      variants.push({ name: suffix === '' ? variant : `${variant} (${suffix})`, rounds });
    }
  }
  const rows = size.trainPrompts * size.groupSize;
  const title = `update with ${rows} × (${size.contextLength} + ${size.imageLength}) tokens, width ${size.width}, ${size.layers} layers`;
  return { benchmark: 'memory', size: name, comparisons: [{ title, unit: 'MB', variants }], skipped };
}

/** Megabytes of a process of its own. */
async function peak(implementation: Implementation, problem: string, only: string): Promise<number> {
  const host = await implementation.start();
  try {
    const [variant] = await open(host, { task: 'train', problem, only, check: false });
    if (!variant) throw new Error(`There is no variant '${only}'.`);
    await host.call({ call: 'time', session: variant.session, variant: only, repeats: 1 });
    return (await host.call({ call: 'peak' })).megabytes;
  } finally {
    host.stop();
  }
}
