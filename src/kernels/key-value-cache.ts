import * as tf from '@tensorflow/tfjs';
import { isFused } from './choice.js';
import { composedCache } from './composed/key-value-cache.js';
import { DECODE_ATTENTION, fusedDecodeAttention, fusedFillCache } from './fused/key-value-cache.js';
import { type RotaryTables, rotaryTables } from './rotary.js';

/** Sequences to be decoded side by side, and the contexts that they go on from. */
export interface CachePlan {
  /** H. */
  readonly heads: number;
  /** D, even. */
  readonly size: number;
  /** L: the most positions of a sequence, context and completion. */
  readonly length: number;
  /** `[C]`: positions of each context. */
  readonly lengths: Int32Array;
  /** `[N]`: the context of each sequence. Sequences may share one. */
  readonly sources: Int32Array;
  /** Rotary base. */
  readonly theta: number;
}

/** The sequences that go on in a step, one row each. */
export interface DecodeRows {
  /** `[n]`: their places in `sources`, ascending. */
  readonly slots: Int32Array;
  /** `[n]`: positions that each has already; the new one's number. */
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

/**
 * Caches for decoding: fused, preallocated and written in place; composed, by concatenation.
 * @param blocks of the model
 * @returns the caller disposes them
 */
export function keyValueCaches(plan: CachePlan, blocks: number): KeyValueCaches {
  return isFused(DECODE_ATTENTION, []) ? fusedCaches(plan, blocks) : composedCache(plan, blocks);
}

/** Tables of the positions from 0 to L. */
export function planTables({ length, size, theta }: CachePlan): RotaryTables {
  return rotaryTables(
    Array.from({ length }, (_, position) => position),
    size,
    theta,
  );
}

function fusedCaches(plan: CachePlan, blocks: number): KeyValueCaches {
  const { heads, size, length } = plan;
  const sizes = { heads, size, length };
  const vector = (values: Int32Array): tf.Tensor1D => tf.keep(tf.tensor1d(values, 'int32'));
  const tables = planTables(plan);
  const { cos, sin } = { cos: tf.keep(tables.cos), sin: tf.keep(tables.sin) };
  tf.dispose([tables.half, tables.halfTransposed]);
  const plans = { lengths: vector(plan.lengths), sources: vector(plan.sources) };
  const stored: tf.Tensor[] = [cos, sin, plans.lengths, plans.sources];
  let rows: tf.Tensor1D[] = [];
  return {
    blocks: Array.from({ length: blocks }, () => {
      let cache: ReturnType<typeof fusedFillCache> | undefined;
      return {
        fill(k, v) {
          cache = fusedFillCache({ k, v, cos, sin, ...plans }, sizes);
          stored.push(tf.keep(cache.keys), tf.keep(cache.values));
        },
        attend(q, k, v) {
          const [slots, positions] = rows as [tf.Tensor1D, tf.Tensor1D];
          return fusedDecodeAttention({ q, k, v, cos, sin, slots, positions }, cache as never, sizes);
        },
      };
    }),
    step({ slots, positions }) {
      tf.dispose(rows);
      rows = [vector(slots), vector(positions)];
    },
    dispose() {
      tf.dispose([...stored.splice(0), ...rows.splice(0)]);
    },
  };
}
