import * as tf from '@tensorflow/tfjs';
import { attention, MASKED_SCORE } from '../attention.js';
import {
  type CachePlan,
  contextLength,
  type DecodeRows,
  type KeyValueCache,
  type KeyValueCaches,
  planTables,
} from '../cache-plan.js';
import { type RotaryTables, rotate } from '../rotary.js';

/** What all blocks need in one step. */
interface Step {
  /** Rows of the cached tensors that go on; absent if all do. */
  readonly kept?: tf.Tensor1D;
  /** Tables of the rows' positions. */
  readonly tables: RotaryTables;
  /** `[n, 1, 1, S]`: what the context was padded with is not attended. */
  readonly mask: tf.Tensor;
}

/** Caches of stock operations: `[n, H, S, D]`, grown by concatenation. */
export function composedCache(plan: CachePlan, blocks: number): KeyValueCaches {
  const { heads, size, lengths, sources } = plan;
  const padded = contextLength(plan);
  let present: Int32Array = Int32Array.from(sources, (_, slot) => slot);
  let decoded = 0;
  let step: Step | undefined;
  const caches = Array.from({ length: blocks }, () => composedBlock(plan, padded, () => step as Step));

  const freeStep = (): void => {
    if (step) {
      step.tables.dispose();
      tf.dispose([step.mask, ...(step.kept ? [step.kept] : [])]);
    }
    step = undefined;
  };

  return {
    blocks: caches,
    step({ slots, positions }: DecodeRows) {
      freeStep();
      decoded += 1;
      const places = Int32Array.from(slots, (slot) => present.indexOf(slot));
      const all = places.length === present.length;
      present = slots;
      const width = padded + decoded;
      const mask = new Float32Array(slots.length * width);
      slots.forEach((slot, row) => {
        const context = lengths[sources[slot] as number] as number;
        mask.fill(MASKED_SCORE, row * width + context, row * width + padded);
      });
      step = {
        ...(all ? {} : { kept: tf.keep(tf.tensor1d(places, 'int32')) }),
        tables: keepTables(planTables(plan, positions)),
        mask: tf.keep(tf.tensor4d(mask, [slots.length, 1, 1, width])),
      };
    },
    dispose() {
      freeStep();
      for (const cache of caches) cache.dispose();
    },
  };

  function composedBlock(
    { lengths, sources }: CachePlan,
    padded: number,
    now: () => Step,
  ): KeyValueCache & { dispose(): void } {
    let keys: tf.Tensor4D | undefined;
    let values: tf.Tensor4D | undefined;
    const replace = (nextKeys: tf.Tensor4D, nextValues: tf.Tensor4D): void => {
      tf.dispose([keys, values].filter((tensor) => tensor !== undefined));
      [keys, values] = [tf.keep(nextKeys), tf.keep(nextValues)];
    };
    /** `[n·T, H·D]` to `[n, H, T, D]` */
    const headsFirst = (x: tf.Tensor, length: number): tf.Tensor4D =>
      tf.transpose(tf.reshape(x, [-1, length, heads, size]), [0, 2, 1, 3]) as tf.Tensor4D;
    const rotated = (x: tf.Tensor2D, length: number, tables: RotaryTables): tf.Tensor2D =>
      tf.reshape(rotate(tf.reshape(x, [-1, length, heads, size]), tables), x.shape);
    return {
      fill(k, v) {
        tf.tidy(() => {
          const tables = planTables(
            plan,
            Array.from({ length: padded }, (_, position) => position),
          );
          const ids = tf.tensor1d(sources, 'int32');
          const spread = (x: tf.Tensor4D): tf.Tensor4D =>
            lengths.length === sources.length && sources.every((source, slot) => source === slot)
              ? x
              : tf.gather(x, ids);
          replace(spread(headsFirst(rotated(k, padded, tables), padded)), spread(headsFirst(v, padded)));
        });
      },
      attend(q, k, v) {
        return tf.tidy(() => {
          const { kept, tables, mask } = now();
          const past = [keys, values].map((x) =>
            kept ? tf.gather(x as tf.Tensor4D, kept) : x,
          ) as tf.Tensor4D[];
          replace(
            tf.concat([past[0] as tf.Tensor4D, headsFirst(rotated(k, 1, tables), 1)], 2),
            tf.concat([past[1] as tf.Tensor4D, headsFirst(v, 1)], 2),
          );
          const query = headsFirst(rotated(q, 1, tables), 1);
          const mixed = attention(query, keys as tf.Tensor4D, values as tf.Tensor4D, mask); // [n, H, 1, D]
          return tf.reshape(mixed, q.shape);
        });
      },
      dispose() {
        tf.dispose([keys, values].filter((tensor) => tensor !== undefined));
        [keys, values] = [undefined, undefined];
      },
    };
  }
}

function keepTables(tables: RotaryTables): RotaryTables {
  for (const tensor of [tables.cos, tables.sin, tables.half, tables.halfTransposed]) tf.keep(tensor);
  return tables;
}
