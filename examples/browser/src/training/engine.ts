import type { ParallelOptions } from 'bicot';
import { type SelectedBrowserBackend, selectBackend } from 'bicot/browser';
import type { EngineOptions } from '../messages.js';
import poolWorkerUrl from './pool-worker.ts?worker&url';
import { WASM_PATHS } from './wasm-paths.js';

/** What was started. */
export interface Engine extends SelectedBrowserBackend {
  /** Threads that share the work; 0 if this one does everything. */
  readonly workers: number;
  readonly parallel?: ParallelOptions;
}

/** More workers than this gain little with pictures this small. */
const MOST_WORKERS = 4;

/** Starts the best engine that there is, or the one that was asked for. */
export async function startEngine({ engine, allowSoftware, workers }: EngineOptions): Promise<Engine> {
  const selected = await selectBackend(engine, { wasmPaths: WASM_PATHS, allowSoftware });
  const threads = selected.name === 'wasm' ? (workers ?? freeCores()) : 0;
  if (threads === 0) return { ...selected, workers: 0 };
  const entry = new URL(poolWorkerUrl, import.meta.url);
  return { ...selected, workers: threads, parallel: { workers: threads, entry } };
}

/** One thread a core; none where memory cannot be shared, or where there is one core only. */
function freeCores(): number {
  if (!globalThis.crossOriginIsolated) return 0;
  const cores = navigator.hardwareConcurrency ?? 1;
  return cores < 2 ? 0 : Math.min(MOST_WORKERS, cores);
}
