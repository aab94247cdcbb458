/** Moments of the values that are not NaN. */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  /** Of the population. */
  readonly std: number;
  readonly min: number;
  readonly max: number;
}

/** Moments of the values that are not NaN; all NaN but the count if there are none. */
export function momentsOf(values: ArrayLike<number>): Moments {
  const known = Array.from(values).filter((value) => !Number.isNaN(value));
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length;
  return {
    count: known.length,
    mean,
    std: Math.sqrt(variance),
    min: known.reduce((a, b) => Math.min(a, b), known[0] ?? Number.NaN),
    max: known.reduce((a, b) => Math.max(a, b), known[0] ?? Number.NaN),
  };
}

/** The standard deviation within each group that has at least two scores. */
export function groupSpreads(values: Float64Array, groupSize: number): number[] {
  const spreads: number[] = [];
  for (let start = 0; start < values.length; start += groupSize) {
    const { count, std } = momentsOf(values.subarray(start, start + groupSize));
    if (count > 1) spreads.push(std);
  }
  return spreads;
}
