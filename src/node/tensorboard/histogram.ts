/** Some numbers, counted in buckets. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  /** How many numbers. */
  readonly count: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  /** Right edges, ascending; the first bucket begins at `min`, the last ends at `max`. */
  readonly limits: readonly number[];
  /** How many numbers are in each: above the edge before, up to and with its own. */
  readonly counts: readonly number[];
}

/** As many as TensorBoard shows. */
const BUCKETS = 30;

/**
 * Counts numbers in buckets of equal width.
 * @returns undefined if none of them is finite; those that are not are left out
 */
export function histogramOf(values: ArrayLike<number>): Histogram | undefined {
  const finite = Array.from(values).filter(Number.isFinite);
  if (finite.length === 0) return undefined;
  const min = finite.reduce((a, b) => Math.min(a, b));
  const max = finite.reduce((a, b) => Math.max(a, b));
  const limits =
    min === max
      ? [max]
      : Array.from({ length: BUCKETS }, (_, i) =>
          i === BUCKETS - 1 ? max : min + ((max - min) * (i + 1)) / BUCKETS,
        );
  const counts = limits.map(() => 0);
  for (const value of finite) {
    const bucket = limits.findIndex((limit) => value <= limit);
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  return {
    ...{ min, max, count: finite.length, limits, counts },
    sum: finite.reduce((a, b) => a + b, 0),
    sumOfSquares: finite.reduce((a, b) => a + b * b, 0),
  };
}
