import { type KeptSet, keptBytes } from '../policy/kept.js';
import type { HostNumbers } from '../tensor/host-rows.js';
import { assertLength } from '../tensor/shape.js';
import type { Completions } from './sampler.js';

/**
 * Completions one after the other as one batch; shorter ones are padded.
 * @param parts not empty, all with a kept set or none
 * @param what who asks, for errors
 * @throws BicotError `shape` if a part's arrays do not have its size
 */
export function concatCompletions(parts: readonly Completions[], what: string): Completions {
  const [first] = parts as readonly [Completions];
  const width = Math.max(...parts.map(({ completion }) => completion.width));
  const rows = parts.reduce((sum, { completion }) => sum + completion.rows, 0);
  /** What each token has, `perToken` numbers of it, at the common width. */
  const padded = <A extends HostNumbers>(empty: A, values: (part: Completions) => A, perToken = 1): A => {
    let row = 0;
    for (const part of parts) {
      const own = part.completion.width * perToken;
      const from = values(part);
      assertLength(what, from, part.completion.rows * own);
      for (let r = 0; r < part.completion.rows; r++, row++) {
        empty.set(from.subarray(r * own, (r + 1) * own), row * width * perToken);
      }
    }
    return empty;
  };
  const lengths = new Int32Array(rows);
  let filled = 0;
  for (const { completion } of parts) {
    lengths.set(completion.lengths, filled);
    filled += completion.rows;
  }
  const size = rows * width;
  const { vocabulary } = first.kept ?? { vocabulary: 0 };
  const bytes = keptBytes(vocabulary);
  return {
    completion: { ids: padded(new Int32Array(size), (part) => part.completion.ids), lengths, rows, width },
    behaviourLogProbs: padded(new Float32Array(size), (part) => part.behaviourLogProbs),
    entropy: padded(new Float32Array(size), (part) => part.entropy),
    ...(first.kept && {
      kept: {
        bits: padded(new Uint8Array(size * bytes), (part) => (part.kept as KeptSet).bits, bytes),
        ...{ rows, width, vocabulary },
      },
    }),
  };
}
