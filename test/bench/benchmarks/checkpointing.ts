import { measure, type PlacedVariant } from '../measure.js';
import type { Comparison, Result } from '../results.js';
import { SIZES, type Size, type SizeName } from '../sizes.js';
import { type Bench, close, open } from './bench.js';

/** Gradients of a step as they are usually computed, and with little memory: time, bytes, and whether they are the same. */
export async function benchCheckpointing(bench: Bench, name: SizeName): Promise<Result> {
  const comparisons: Comparison[] = [];
  for (const implementation of bench.implementations) {
    if (implementation.kind !== 'bicot') continue;
    const variants = await open(await bench.host(implementation), { task: 'checkpointing', size: name });
    for (const group of new Set(variants.map((variant) => variant.group ?? ''))) {
      comparisons.push(...(await compared(variants, group, SIZES[name], bench.rounds)));
    }
    await close(variants);
  }
  return { benchmark: 'checkpointing', size: name, comparisons, skipped: [] };
}

async function compared(
  all: readonly PlacedVariant[],
  group: string,
  size: Size,
  rounds: number,
): Promise<Comparison[]> {
  const variants = all.filter((variant) => variant.group === group);
  const error = Math.max(...variants.map((variant) => variant.error ?? 0));
  const { contextLength, planLength, imageLength, groupSize, trainPrompts, width, layers, text } = size;
  const tokens = `${groupSize * trainPrompts} × (${contextLength} + ${planLength} + ${imageLength}) tokens`;
  const title = `${group}, ${tokens}, width ${width}, ${layers} layers, ${text} words; gradients agree to ${error.toExponential(0)}`;
  const bytes = variants.map(({ name, tensorBytes = 0 }) => ({
    name,
    rounds: [Number((tensorBytes / 1e6).toPrecision(4))],
  }));
  return [
    { title, unit: 'ms', variants: await measure(variants, rounds) },
    { title, unit: 'MB', variants: bytes },
  ];
}
