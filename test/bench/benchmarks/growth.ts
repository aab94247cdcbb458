import type { Host } from '../hosts/host.js';
import type { Implementation } from '../implementations.js';
import { measure, type PlacedVariant } from '../measure.js';
import type { Growth, Result } from '../results.js';
import { SIZES, type Size, type SizeName } from '../sizes.js';
import { type Bench, close, open } from './bench.js';

type Task = 'train' | 'decode';

/** One dimension of a size, and how to change it by a factor. */
interface Axis {
  readonly name: string;
  readonly value: (size: Size) => number;
  readonly scaled: (size: Size, factor: number) => Size;
}

const AXES: readonly Axis[] = [
  {
    name: 'samples per group',
    value: ({ groupSize }) => groupSize,
    // A group has two samples at least.
    scaled: (size, factor) => ({ ...size, groupSize: Math.max(2, size.groupSize * factor) }),
  },
  {
    name: 'image tokens',
    value: ({ imageLength }) => imageLength,
    scaled: (size, factor) => ({ ...size, imageLength: size.imageLength * factor }),
  },
  {
    name: 'width',
    value: ({ width }) => width,
    // Heads keep their size; small models keep theirs whole.
    scaled: (size, factor) => ({
      ...size,
      width: size.width * factor,
      hidden: size.hidden * factor,
      heads: Math.max(1, size.heads * factor),
    }),
  },
  {
    name: 'layers',
    value: ({ layers }) => layers,
    scaled: (size, factor) => ({ ...size, layers: size.layers * factor }),
  },
];

const FACTORS = [0.5, 1, 2];

/** How cost grows with one dimension at a time, of bicot's kernels without FMA; and how it shrinks with workers. */
export async function benchGrowth(bench: Bench, name: SizeName): Promise<Result> {
  const implementation = bench.implementations.find(({ kind }) => kind === 'bicot');
  if (!implementation) throw new Error('bicot is missing.');
  const host = await bench.host(implementation);
  const growth: Growth[] = [];
  for (const task of ['train', 'decode'] as const) {
    for (const axis of AXES) growth.push(await alongAxis(bench, host, SIZES[name], axis, task));
    growth.push(...(await alongWorkers(bench, implementation, SIZES[name], task)));
  }
  return { benchmark: 'growth', size: name, comparisons: [], growth, skipped: host.hello.skipped };
}

/** The variant that people would run: the last kind of kernels that gives the same bits on every machine. */
function usualVariant({ hello }: Host): string {
  const plain = hello.variants.filter((name) => !name.includes('FMA') && !name.includes('workers'));
  return plain.at(-1) as string;
}

async function alongAxis(bench: Bench, host: Host, base: Size, axis: Axis, task: Task): Promise<Growth> {
  const sizes = FACTORS.map((factor) => axis.scaled(base, factor));
  const variants: PlacedVariant[] = [];
  for (const size of sizes) {
    variants.push(...(await prepared(bench, host, size, task, (name) => name === usualVariant(host))));
  }
  const timings = await measure(variants, bench.rounds);
  await close(variants);
  const points = sizes.map((size, i) => ({ value: axis.value(size), rounds: timings[i]?.rounds ?? [] }));
  return { axis: axis.name, task, points };
}

/**
 * The same work with more workers, and beside it what the machine allows: as much work again in a second process, which
 * shares nothing with the first but the cores.
 */
async function alongWorkers(
  bench: Bench,
  implementation: Implementation,
  base: Size,
  task: Task,
): Promise<Growth[]> {
  const host = await bench.host(implementation);
  const usual = usualVariant(host);
  const isUsual = (name: string): boolean => name === usual;
  const inWorkers = await prepared(bench, host, base, task, (name) => name.startsWith(`${usual}, `));
  if (inWorkers.length === 0) return [];
  const second = await implementation.start();
  try {
    const [alone] = (await prepared(bench, host, base, task, isUsual)) as [PlacedVariant];
    const [other] = (await prepared(bench, second, base, task, isUsual)) as [PlacedVariant];
    const measured = [alone, ...inWorkers, sideBySide(alone, other)];
    const rounds = (await measure(measured, bench.rounds)).map((timing) => timing.rounds);
    await close([alone, ...inWorkers, other]);
    const one = { value: 1, rounds: rounds[0] as number[] };
    const more = inWorkers.map(({ name }, i) => ({
      value: Number(/, (\d+) workers/.exec(name)?.[1]),
      rounds: rounds[i + 1] as number[],
    }));
    return [
      { axis: 'workers', task, points: [one, ...more] },
      { axis: 'processes', task, points: [one, { value: 2, rounds: rounds.at(-1) as number[] }] },
    ];
  } finally {
    second.stop();
  }
}

/** Two variants of different programs run at once: the time until both are done. */
function sideBySide(one: PlacedVariant, other: PlacedVariant): PlacedVariant {
  const host: Host = {
    ...one.host,
    async call(request) {
      const answers = await Promise.all(
        [one, other].map(({ host, session }) => host.call({ ...request, session } as typeof request)),
      );
      const [first, second] = answers as { ms: number }[];
      return ((first?.ms ?? 0) > (second?.ms ?? 0) ? first : second) as (typeof answers)[0];
    },
  };
  return { ...one, host };
}

/** Variants of a size, each run once. */
async function prepared(
  bench: Bench,
  host: Host,
  size: Size,
  task: Task,
  wanted: (name: string) => boolean,
): Promise<PlacedVariant[]> {
  const prompts = task === 'train' ? size.trainPrompts : (size.decodePrompts.at(-1) as number);
  const problem = await bench.problem(size, { prompts, plan: false });
  const variants: PlacedVariant[] = [];
  for (const only of host.hello.variants.filter(wanted)) {
    variants.push(...(await open(host, { task, problem, only, check: false })));
  }
  await measure(variants, 1);
  return variants;
}
