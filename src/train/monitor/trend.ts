/** A straight line through values. */
export interface Trend {
  /** Values that are not NaN. */
  readonly count: number;
  /** By how much the line rises from the first value to the last. */
  readonly change: number;
  /** Slope over its standard error: noise alone goes beyond ±5.5 once in a million windows of 80. */
  readonly t: number;
}

/**
 * Least squares; NaN are left out.
 * @param at where each value stands; default equally spaced
 * @returns `t` is 0 below three values, for equal ones and for ones in one place, and infinite for a line without noise
 */
export function linearTrend(values: ArrayLike<number>, at?: ArrayLike<number>): Trend {
  let count = 0;
  let meanX = 0;
  let meanY = 0;
  let first = 0;
  let last = 0;
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (let i = 0; i < values.length; i++) {
    const x = at ? (at[i] as number) : i;
    const y = values[i] as number;
    if (Number.isNaN(x) || Number.isNaN(y)) continue;
    if (count === 0) first = x;
    last = x;
    count++;
    // Welford's update of means and of sums of products of deviations.
    const dx = x - meanX;
    const dy = y - meanY;
    meanX += dx / count;
    meanY += dy / count;
    xx += dx * (x - meanX);
    xy += dx * (y - meanY);
    yy += dy * (y - meanY);
  }
  if (count < 3 || xx === 0) return { count, change: 0, t: 0 };
  const slope = xy / xx;
  const change = slope * (last - first);
  // What float64 can't tell from 0 is not a trend.
  if (Math.abs(change) <= 1e-12 * Math.max(1e-300, Math.abs(meanY))) return { count, change: 0, t: 0 };
  const residual = Math.max(0, yy - slope * xy);
  return { count, change, t: slope / Math.sqrt(residual / (count - 2) / xx) };
}

/**
 * The non-decreasing sequence nearest to the values (least squares, by pooling neighbours that are out of order): how far
 * something that is meant to rise had come at each step. NaN stay NaN.
 */
export function risingFit(values: ArrayLike<number>): number[] {
  const pools: { sum: number; count: number }[] = [];
  const meanOf = ({ sum, count }: { sum: number; count: number }): number => sum / count;
  const known = Array.from(values).filter((value) => !Number.isNaN(value));
  for (const value of known) {
    let pool = { sum: value, count: 1 };
    for (let last = pools.at(-1); last && meanOf(last) >= meanOf(pool); last = pools.at(-1)) {
      pools.pop();
      pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
    }
    pools.push(pool);
  }
  const fitted = pools.flatMap((pool) => Array<number>(pool.count).fill(meanOf(pool)));
  let next = 0;
  return Array.from(values, (value) => (Number.isNaN(value) ? value : (fitted[next++] as number)));
}
