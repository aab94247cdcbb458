/** A straight line through equally spaced values. */
export interface Trend {
  /** Values that are not NaN. */
  readonly count: number;
  /** By how much the line rises from the first value to the last. */
  readonly change: number;
  /** Slope over its standard error: noise alone goes beyond ±5.5 once in a million windows of 80. */
  readonly t: number;
}

/**
 * Least squares against the position; NaN are left out.
 * @returns `t` is 0 below three values and for equal ones, and infinite for a line without noise
 */
export function linearTrend(values: ArrayLike<number>): Trend {
  let count = 0;
  let meanX = 0;
  let meanY = 0;
  let first = 0;
  let last = 0;
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (let x = 0; x < values.length; x++) {
    const y = values[x] as number;
    if (Number.isNaN(y)) continue;
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
  if (count < 3) return { count, change: 0, t: 0 };
  const slope = xy / xx;
  const change = slope * (last - first);
  // What float64 can't tell from 0 is not a trend.
  if (Math.abs(change) <= 1e-12 * Math.max(1e-300, Math.abs(meanY))) return { count, change: 0, t: 0 };
  const residual = Math.max(0, yy - slope * xy);
  return { count, change, t: slope / Math.sqrt(residual / (count - 2) / xx) };
}
