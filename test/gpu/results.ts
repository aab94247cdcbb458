import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../bench/results.js';
import type { JanusRound, PeakBytes } from './janus/protocol.js';
import type { JanusSize } from './janus/sizes.js';
import { writtenResults } from './report/tables.js';

/** What was measured on. */
export interface Machine {
  /** The GPU as NVIDIA's driver names it, where there is one. */
  readonly nvidia?: { readonly name: string; readonly driver: string; readonly memoryMegabytes: number };
  /** The adapter as Dawn names it, or why there is none. */
  readonly webgpu: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly system: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Of this repository; with `+` if files had been changed. */
  readonly commit: string;
}

/** What every entry has. */
interface Measured {
  /** UTC, to the minute, when it began. */
  readonly date: string;
  /** What gives it again. */
  readonly command: string;
  /** Where it ran, for people. */
  readonly where: string;
  /** Wall time of all of it. */
  readonly seconds: number;
  /** Why there is no more of it. */
  readonly failed?: string;
}

/** Whether a backend keeps what it promises. */
export interface CheckEntry extends Measured {
  readonly part: 'check';
  readonly backend: string;
  /** What was asked, and how it was answered. */
  readonly suites: readonly CheckedSuite[];
}

/** How one suite ended. */
export interface CheckedSuite {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  /** What could not be measured. */
  readonly skipped: number;
  /** What failed, in words. */
  readonly faults: readonly string[];
}

/** Step, decode or train of a small policy. */
export interface PolicyEntry extends Measured {
  readonly part: 'policy';
  readonly size: string;
  readonly benchmark: string;
  readonly result?: Result;
}

/** The demo, from the shipped base to the trained model. */
export interface DemoEntry extends Measured {
  readonly part: 'demo';
  readonly backend: string;
  /** The demo's own result.json. */
  readonly result?: unknown;
}

/** One program's steps. */
export interface JanusProgram {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly loadSeconds?: number;
  /** The first one compiles what has to be compiled. */
  readonly rounds: readonly JanusRound[];
  readonly peak: PeakBytes;
  /** The most that the driver says the GPU held, less what it held before. */
  readonly driverMegabytes?: number;
  /** Whether it computes what the first program does. */
  readonly agrees?: boolean;
  readonly failed?: string;
}

/** A step of GRPO on a policy of Janus's shape. */
export interface JanusEntry extends Measured {
  readonly part: 'janus';
  readonly sizeName: string;
  readonly size: JanusSize;
  readonly microBatch: number;
  readonly rowsAtOnce: number;
  readonly programs: readonly JanusProgram[];
}

/** A thing that was measured. */
export type Entry = CheckEntry | PolicyEntry | DemoEntry | JanusEntry;

/** A file of results. */
export interface GpuResults {
  readonly machine: Machine;
  readonly entries: readonly Entry[];
}

/** The files of a run, written anew whenever there is more to tell. */
export interface ResultsFile {
  put(entry: Entry): void;
  readonly json: string;
}

/** What an entry is in the place of. */
function keyOf(entry: Entry): string {
  const { part } = entry;
  if (part === 'policy') return [part, entry.benchmark, entry.size].join();
  if (part === 'janus') return [part, entry.sizeName, JSON.stringify(entry.size)].join();
  return [part, entry.backend].join();
}

/**
 * Opens `gpu.json` and `gpu.md` of a folder. Commands add to what others found on the same machine with the same versions;
 * what was found on another is put aside.
 */
export function openResults(folder: string, machine: Machine): ResultsFile {
  mkdirSync(folder, { recursive: true });
  const [json, markdown] = [join(folder, 'gpu.json'), join(folder, 'gpu.md')];
  let entries: readonly Entry[] = [];
  if (existsSync(json)) {
    const before = JSON.parse(readFileSync(json, 'utf8')) as GpuResults;
    if (JSON.stringify(before.machine) === JSON.stringify(machine)) entries = before.entries;
    else renameSync(json, join(folder, `gpu-before-${Date.now()}.json`));
  }
  return {
    json,
    put(entry) {
      entries = [...entries.filter((each) => keyOf(each) !== keyOf(entry)), entry];
      const results: GpuResults = { machine, entries };
      replace(json, `${JSON.stringify(results, null, 1)}\n`);
      replace(markdown, `${writtenResults(results)}\n`);
    },
  };
}

/** A reader, or a crash, sees all of it or what was there before. */
function replace(file: string, content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

/** UTC, to the minute. */
export const now = (): string => new Date().toISOString().slice(0, 16).replace('T', ' ');
