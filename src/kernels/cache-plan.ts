import type * as tf from '@tensorflow/tfjs';
import type { StoredCache } from './fused/key-value-cache.js';
import { type RotaryTables, rotaryTables } from './rotary.js';

/** Sequences to be decoded side by side, and the contexts that they go on from. */
export interface CachePlan {
  /** H. */
  readonly heads: number;
  /** D, even. */
  readonly size: number;
  /** The most positions that a sequence adds to its context. */
  readonly ownLength: number;
  /** `[C]`: positions of each context. */
  readonly lengths: Int32Array;
  /** `[N]`: the context of each sequence. Sequences may share one. */
  readonly sources: Int32Array;
  /** Rotary base. Default 10 000. */
  readonly theta?: number;
  /** The angles of some positions, for models whose positions are not a line. Default: those of `theta`. */
  readonly rotary?: (positions: ArrayLike<number>) => RotaryTables;
}

/** The angles of some positions, owned by the caller. */
export function planTables({ rotary, size, theta }: CachePlan, positions: ArrayLike<number>): RotaryTables {
  return rotary ? rotary(positions) : rotaryTables(positions, size, theta);
}

/** The sequences that go on in a step, one row each. */
export interface DecodeRows {
  /** `[n]`: their places in `sources`, ascending. */
  readonly slots: Int32Array;
  /** `[n]`: the number of each one's new position, counted from its context's first. */
  readonly positions: Int32Array;
}

/** The keys and values of one block for all sequences. Tensors given are `[·, H·D]` before the rotation. */
export interface KeyValueCache {
  /** Stores the contexts': `[C·S, H·D]`, padded on the right to S. */
  fill(keys: tf.Tensor2D, values: tf.Tensor2D): void;
  /**
   * Adds a position to some sequences and attends from it to all of theirs. A sequence that is left out once is gone.
   * @returns `[n, H·D]`; the caller disposes it
   */
  attend(q: tf.Tensor2D, k: tf.Tensor2D, v: tf.Tensor2D): tf.Tensor2D;
  /** For kernels that attend themselves, once it is filled and the step is known; absent where it is made otherwise. */
  readonly stored?: () => StoredCache;
}

/** The caches of all blocks of a model. */
export interface KeyValueCaches {
  /** One a block. */
  readonly blocks: readonly KeyValueCache[];
  /** Says which sequences the next calls of `attend` are for. */
  step(rows: DecodeRows): void;
  /** Frees everything. Safe to call twice. */
  dispose(): void;
}

/** Positions of the longest context: what the others are padded to. */
export function contextLength({ lengths }: Pick<CachePlan, 'lengths'>): number {
  return lengths.reduce((a, b) => Math.max(a, b), 0);
}
