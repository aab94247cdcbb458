import * as tf from '@tensorflow/tfjs';
import { embed } from '../../kernels/embedding.js';
import type { DecodingSession } from '../../policy/policy.js';
import { assertLength } from '../../tensor/shape.js';

/** A session of some rows of a larger one. */
export interface PartialSession {
  readonly session: Required<DecodingSession>;
  /** Where its rows stand in the whole, ascending. */
  readonly rows: Int32Array;
}

/**
 * Sessions side by side as one, for rows that can't share a cache.
 * @param parts at least one; together they have every row once. Theirs is the merged session from now on.
 * @param onDispose frees what they share
 */
export function mergeSessions(
  parts: readonly PartialSession[],
  onDispose?: () => void,
): Required<DecodingSession> {
  const total = parts.reduce((sum, { rows }) => sum + rows.length, 0);
  let present = parts;
  let count = total;

  /** Which row of the parts' rows, one part after the other, each row of the whole is. */
  const order = (): Int32Array => {
    const places = new Int32Array(count);
    let next = 0;
    for (const { rows } of present) for (const row of rows) places[row] = next++;
    return places;
  };

  return {
    rows: total,
    next(tokens) {
      if (tokens) assertLength('DecodingSession.next: tokens', tokens, count, 'N');
      const made: tf.Tensor2D[] = [];
      try {
        for (const { session, rows } of present) {
          made.push(session.next(tokens && rows.map((row) => tokens[row] as number)));
        }
        return tf.tidy(() => embed(tf.concat(made, 0), tf.tensor1d(order(), 'int32')));
      } finally {
        tf.dispose(made);
      }
    },
    keep(kept) {
      const now = new Map([...kept].map((row, place) => [row, place]));
      present = present.flatMap(({ session, rows }) => {
        const places = Int32Array.from(rows.keys()).filter((place) => now.has(rows[place] as number));
        if (places.length === 0) {
          session.dispose();
          return [];
        }
        session.keep(places);
        return [{ session, rows: places.map((place) => now.get(rows[place] as number) as number) }];
      });
      count = kept.length;
    },
    dispose() {
      for (const { session } of parts) session.dispose();
      onDispose?.();
    },
  };
}
