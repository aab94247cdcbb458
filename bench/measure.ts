import { cpus, loadavg } from 'node:os';

/** One way to compute something. */
export interface Variant {
  readonly name: string;
  /** Must not return before the result is computed. */
  readonly run: () => Promise<void>;
}

/** How long one variant took. */
export interface Timing {
  readonly name: string;
  /** Milliseconds of each round. */
  readonly rounds: readonly number[];
  readonly median: number;
}

/** Several ways to compute the same, the first of which the others are measured against. */
export interface Comparison {
  readonly title: string;
  readonly variants: readonly Variant[];
  /** Runs per measurement, for what is too short to time alone. Default 1. */
  readonly repeats?: number;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

async function time({ run }: Variant, repeats: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await run();
  return (performance.now() - start) / repeats;
}

/**
 * Times the variants in turn, round after round, so that whatever else the machine does falls on all of them.
 * There is no warm-up: each has run once before, to check that they agree.
 */
export async function measure(comparison: Comparison, rounds: number): Promise<Timing[]> {
  const { variants, repeats = 1 } = comparison;
  const times = variants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, variant] of variants.entries()) times[i]?.push(await time(variant, repeats));
  }
  return variants.map(({ name }, i) => ({
    name,
    rounds: times[i] as number[],
    median: median(times[i] as number[]),
  }));
}

const milliseconds = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(0));

/** The columns of `markdownRows`. */
export const MARKDOWN_HEADER = [
  '| what | variant | median ms | fastest–slowest | times as fast |',
  '|---|---|---|---|---|',
].join('\n');

/** One row a variant; the ratio is the first variant's median over its own. */
export function markdownRows(title: string, timings: readonly Timing[]): string {
  const first = (timings[0] as Timing).median;
  return timings
    .map(({ name, rounds, median }, i) => {
      const range = `${milliseconds(Math.min(...rounds))}–${milliseconds(Math.max(...rounds))}`;
      const ratio = i === 0 ? '1' : `**${(first / median).toFixed(1)}**`;
      return `| ${i === 0 ? title : ''} | ${name} | ${milliseconds(median)} | ${range} | ${ratio} |`;
    })
    .join('\n');
}

/** When and where, and how busy the machine was: one line. */
export function circumstances(backend: string): string {
  const [cpu] = cpus();
  return [
    new Date().toISOString().slice(0, 16).replace('T', ' '),
    `${cpus().length} × ${cpu?.model ?? 'unknown CPU'}`,
    `Node ${process.versions.node}`,
    backend,
    `load average ${loadavg()[0]?.toFixed(1)}`,
  ].join(', ');
}

/** Throws unless the values agree: variants that compute different things must not be compared. */
export function assertSame(
  what: string,
  one: ArrayLike<number>,
  other: ArrayLike<number>,
  tolerance: number,
): void {
  let error = 0;
  let magnitude = 0;
  for (let i = 0; i < one.length; i++) {
    error = Math.max(error, Math.abs((one[i] as number) - (other[i] as number)));
    magnitude = Math.max(magnitude, Math.abs(one[i] as number));
  }
  if (one.length !== other.length || !(error <= tolerance * magnitude)) {
    throw new Error(`${what}: the variants disagree (max error ${error}, max magnitude ${magnitude}).`);
  }
}
