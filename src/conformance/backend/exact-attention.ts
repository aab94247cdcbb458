import { softmax } from './exact.js';

/** Sizes of `[B·T, H·D]`. */
export interface AttentionShape {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly size: number;
  /** Whether positions turn queries and keys. Default true. */
  readonly rotated?: boolean;
}

/** A vector turned by its position, halves together, base 10 000. */
function turned(x: readonly number[], position: number): number[] {
  const half = x.length / 2;
  return x.map((value, i) => {
    const angle = position * 10_000 ** ((-2 * (i % half)) / x.length);
    const other = i < half ? -(x[i + half] as number) : (x[i - half] as number);
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);

/** Causal attention in float64, one query at a time: `[B·T, H·D]` each, the result too. */
export function exactCausalAttention(
  { batch, length, heads, size, rotated = true }: AttentionShape,
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
): Float64Array {
  const out = new Float64Array(q.length);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const start = (t: number): number => ((b * length + t) * heads + h) * size;
      const vectors = (x: Float64Array, turn: boolean): number[][] =>
        Array.from({ length }, (_, t) => {
          const vector = [...x.subarray(start(t), start(t) + size)];
          return turn ? turned(vector, t) : vector;
        });
      const [queries, keys, values] = [vectors(q, rotated), vectors(k, rotated), vectors(v, false)];
      queries.forEach((query, t) => {
        const weights = softmax(keys.slice(0, t + 1).map((key) => dot(query, key) / Math.sqrt(size)));
        const mixed = query.map((_, i) =>
          dot(
            weights,
            values.slice(0, t + 1).map((value) => value[i] as number),
          ),
        );
        out.set(mixed, start(t));
      });
    }
  }
  return out;
}
