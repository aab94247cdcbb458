import { measure, type PlacedVariant } from '../measure.js';
import type { Comparison, Result } from '../results.js';
import { SIZES, type Size, type SizeName } from '../sizes.js';
import { type Bench, close, open } from './bench.js';
import { assertAllSame } from './compare.js';

/** Each kernel against stock operations. */
export async function benchKernels(bench: Bench, name: SizeName): Promise<Result> {
  const size: Size = SIZES[name];
  const problem = await bench.problem(size, { prompts: size.trainPrompts, plan: false });
  const variants: PlacedVariant[] = [];
  for (const implementation of bench.implementations) {
    if (implementation.kind !== 'bicot') continue;
    variants.push(...(await open(await bench.host(implementation), { task: 'kernels', problem })));
  }
  const comparisons: Comparison[] = [];
  for (const title of new Set(variants.map(({ group = '' }) => group))) {
    const ofGroup = variants.filter(({ group }) => group === title);
    assertAllSame(title, ofGroup);
    comparisons.push({ title, unit: 'ms', variants: await measure(ofGroup, bench.rounds) });
  }
  await close(variants);
  return { benchmark: 'kernels', size: name, comparisons, skipped: [] };
}
