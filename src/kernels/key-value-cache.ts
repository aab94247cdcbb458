import * as tf from '@tensorflow/tfjs';
import { type CachePlan, contextLength, type KeyValueCaches, planTables } from './cache-plan.js';
import { isFused } from './choice.js';
import { composedCache } from './composed/key-value-cache.js';
import {
  type CacheTensors,
  DECODE_ATTENTION,
  fusedDecodeAttention,
  fusedFillCache,
  type StoredCache,
} from './fused/key-value-cache.js';

/**
 * Caches for decoding: fused, preallocated and written in place; composed, by concatenation.
 * @param blocks of the model
 * @returns the caller disposes them
 */
export function keyValueCaches(plan: CachePlan, blocks: number): KeyValueCaches {
  return isFused(DECODE_ATTENTION, []) ? fusedCaches(plan, blocks) : composedCache(plan, blocks);
}

function fusedCaches(plan: CachePlan, blocks: number): KeyValueCaches {
  const { heads, size, ownLength } = plan;
  const longest = contextLength(plan);
  const sizes = { heads, size, slots: plan.sources.length, contextLength: longest, ownLength };
  const vector = (values: Int32Array): tf.Tensor1D => tf.keep(tf.tensor1d(values, 'int32'));
  const positions = Array.from({ length: longest + ownLength }, (_, position) => position);
  const { cos, sin, half, halfTransposed } = planTables(plan, positions);
  tf.dispose([half, halfTransposed]);
  const lengths = vector(plan.lengths);
  const constants = { cos: tf.keep(cos), sin: tf.keep(sin), lengths };
  const sources = vector(plan.sources);
  const all: tf.Tensor[] = [cos, sin, lengths, sources];
  let rows: { slots: tf.Tensor1D; positions: tf.Tensor1D } | undefined;
  return {
    blocks: Array.from({ length: blocks }, () => {
      let cache: CacheTensors | undefined;
      const stored = (): StoredCache => ({
        cache: cache as CacheTensors,
        rows: { ...constants, sources, ...(rows as NonNullable<typeof rows>) },
        sizes,
      });
      return {
        stored,
        fill(k, v) {
          cache = fusedFillCache({ k, v, ...constants }, sizes);
          for (const tensor of Object.values(cache)) all.push(tf.keep(tensor));
        },
        attend: (q, k, v) => fusedDecodeAttention({ q, k, v }, stored()),
      };
    }),
    step({ slots, positions }) {
      tf.dispose(rows ?? []);
      rows = { slots: vector(slots), positions: vector(positions) };
    },
    dispose() {
      tf.dispose([...all.splice(0), ...Object.values(rows ?? {})]);
      rows = undefined;
    },
  };
}
