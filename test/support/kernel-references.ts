/** What kernels compute, in float64 and plain JavaScript: nothing of TensorFlow.js, and nothing of the kernels'. */
import { expect } from 'vitest';

/** `[B·T, H·D]` */
export interface ReferenceSizes {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly size: number;
}

/** log Σ exp of some numbers. */
export function logSumExp(values: readonly number[]): number {
  const max = Math.max(...values);
  return max + Math.log(values.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

/** A vector rotated by its position, in the convention of halves. */
function rotated(x: readonly number[], position: number, theta = 10_000): number[] {
  const half = x.length / 2;
  return x.map((value, i) => {
    const angle = position * theta ** ((-2 * (i % half)) / x.length);
    const other = i < half ? -(x[i + half] as number) : (x[i - half] as number);
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

/** Softmax-weighted mean of values, for one query. */
function mixed(query: readonly number[], keys: readonly number[][], values: readonly number[][]): number[] {
  const scores = keys.map(
    (key) => key.reduce((sum, value, i) => sum + value * (query[i] as number), 0) / Math.sqrt(query.length),
  );
  const normalizer = logSumExp(scores);
  return query.map((_, i) =>
    scores.reduce(
      (sum, score, s) => sum + Math.exp(score - normalizer) * ((values[s] as number[])[i] as number),
      0,
    ),
  );
}

/** Rotary causal attention. */
export function referenceAttention(
  { batch, length, heads, size }: ReferenceSizes,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
): Float64Array {
  const out = new Float64Array(batch * length * heads * size);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const start = (t: number): number => ((b * length + t) * heads + h) * size;
      const vectors = (x: Float32Array): number[][] =>
        Array.from({ length }, (_, t) => [...x.subarray(start(t), start(t) + size)]);
      const queries = vectors(q).map((x, t) => rotated(x, t));
      const keys = vectors(k).map((x, t) => rotated(x, t));
      const values = vectors(v);
      queries.forEach((query, t) => {
        out.set(mixed(query, keys.slice(0, t + 1), values.slice(0, t + 1)), start(t));
      });
    }
  }
  return out;
}

/** The smallest normal float32. */
const SMALLEST_NORMAL = 2 ** -126;

/** Every number is 0 or normal: subnormal ones cost a hundred times as much to compute with. */
export function expectNoSubnormals(values: Float32Array): void {
  const subnormal = values.filter((value) => value !== 0 && Math.abs(value) < SMALLEST_NORMAL);
  expect([...subnormal]).toEqual([]);
}
