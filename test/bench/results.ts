import { cpus, loadavg } from 'node:os';
import type { Skipped } from './hosts/protocol.js';
import type { Timing } from './measure.js';
import type { BenchmarkName } from './options.js';
import type { SizeName } from './sizes.js';

/** When, where, with what, and how busy the machine was. */
export interface Circumstances {
  /** UTC, to the minute. */
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  /** Load averages of a minute, before and after. */
  readonly load: readonly [number, number];
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
}

/** What the hardware would allow: the fastest plain products that were measured. */
export interface Limit {
  readonly name: string;
  readonly gflops: number;
}

/** Variants of one thing. */
export interface Comparison {
  readonly title: string;
  /** What the numbers are. */
  readonly unit: 'ms' | 'MB';
  readonly variants: readonly Timing[];
  /** Floating-point operations of one run. */
  readonly flops?: number;
  readonly limits?: readonly Limit[];
  /** What the first variant is: something to better (default), or what the others can't go below. */
  readonly first?: 'floor';
}

/** One thing at growing sizes. */
export interface Growth {
  /** What grows. */
  readonly axis: string;
  readonly task: string;
  readonly points: readonly { readonly value: number; readonly rounds: readonly number[] }[];
}

/** What one benchmark found. */
export interface Result {
  readonly benchmark: BenchmarkName;
  readonly size: SizeName;
  readonly comparisons: readonly Comparison[];
  readonly growth?: readonly Growth[];
  readonly skipped: readonly Skipped[];
}

/** A file of results. */
export interface ResultFile {
  readonly circumstances: Circumstances;
  readonly results: readonly Result[];
}

/** The circumstances of now. @param loadBefore the load average before anything ran */
export function circumstances(
  versions: Circumstances['versions'],
  rounds: number,
  loadBefore: number,
): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    cpu: cpus()[0]?.model ?? 'unknown CPU',
    cores: cpus().length,
    load: [loadBefore, currentLoad()],
    versions,
    rounds,
  };
}

/** The load average of the last minute. */
export const currentLoad = (): number => Number(loadavg()[0]?.toFixed(2));
