import type { HostPass, PostedPass, WeightEntry } from './protocol.js';
import { layoutMemory } from './shared-weights.js';

/** A pass whose gradients lie in memory that its pool uses again. */
export interface PooledPass extends HostPass {
  /**
   * Gives the gradients' memory to later passes; they must not be read afterwards. Without it the memory is freed when
   * nothing refers to it any more. Safe to call twice.
   */
  release(): void;
}

/** Shared memory for gradients, used again and again: allocating it anew for every pass costs more than filling it. */
export interface GradientMemory {
  /** Memory that nobody else has. */
  take(): SharedArrayBuffer;
  /** The pass that a task left in its memory. */
  passIn(memory: SharedArrayBuffer, pass: PostedPass): PooledPass;
}

/** @param layout of the variables */
export function gradientMemory(layout: readonly WeightEntry[]): GradientMemory {
  const free: SharedArrayBuffer[] = [];
  return {
    take: () => free.pop() ?? layoutMemory(layout),
    passIn(memory, { loss, logProbs, names }) {
      const values = new Float32Array(memory);
      const present = new Set(names);
      const entries = layout
        .filter(({ name }) => present.has(name))
        .map(({ name, offset, size }) => [name, values.subarray(offset, offset + size)] as const);
      let released = false;
      return {
        ...{ loss, logProbs, gradients: Object.fromEntries(entries) },
        release() {
          if (!released) free.push(memory);
          released = true;
        },
      };
    },
  };
}
