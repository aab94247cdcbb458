import wasmUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import threadedUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url';
import type { ParallelOptions } from 'bicot';
import type { EngineName } from '../messages.js';
import { selectBackend } from './backend.js';

/** Where Vite has put the wasm backend's binaries. */
export const WASM_PATHS = Object.fromEntries(
  Object.entries({
    'tfjs-backend-wasm.wasm': wasmUrl,
    'tfjs-backend-wasm-simd.wasm': simdUrl,
    'tfjs-backend-wasm-threaded-simd.wasm': threadedUrl,
  }).map(([name, url]) => [name, new URL(url, import.meta.url).href]),
);

/** What was started. */
export interface Engine {
  readonly name: EngineName;
  readonly description: string;
  readonly workers: number;
  readonly parallel?: ParallelOptions;
}

/** Starts the best engine that there is, or the one that was asked for. */
export async function startEngine(name: EngineName | undefined, allowSoftware: boolean): Promise<Engine> {
  const selected = await selectBackend(name, { wasmPaths: WASM_PATHS, allowSoftware });
  return { ...selected, workers: 0 } as Engine;
}
