import { normalCdf, normalQuantile, studentQuantile } from './distributions.js';

/** How replicates become an interval. */
export type IntervalMethod = 'percentile' | 'expanded' | 'bca';

/** Two ends. */
export interface Ends {
  readonly low: number;
  readonly high: number;
}

/** The share below each end. */
type Tails = readonly [low: number, high: number];

/** A quantile of ascending numbers, linear between them, as `numpy.percentile`. */
function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const at = Math.min(Math.floor(position), sorted.length - 2);
  const [below, above] = [sorted[at] as number, sorted[at + 1] as number];
  return below + (above - below) * (position - at);
}

const between = (replicates: Float64Array, [low, high]: Tails): Ends => {
  const sorted = Float64Array.from(replicates).sort();
  return { low: quantile(sorted, low), high: quantile(sorted, high) };
};

/** The middle of the replicates (Efron 1979). Too narrow for few units: their spread is divided by n, not n − 1. */
export function percentileInterval(replicates: Float64Array, confidence: number): Ends {
  const tail = (1 - confidence) / 2;
  return between(replicates, [tail, 1 - tail]);
}

/**
 * Percentiles further out, by as much as Student's t with n − 1 degrees of freedom and the spread divided by n − 1 ask for
 * (Hesterberg 2015, "What teachers should know about the bootstrap", arXiv 1411.5279, section 5.3): for a mean of normal
 * numbers it is the t interval. The same as percentiles when n is large.
 * @param units n, 2 at least
 */
export function expandedInterval(replicates: Float64Array, confidence: number, units: number): Ends {
  const t = studentQuantile((1 - confidence) / 2, units - 1);
  const tail = normalCdf(Math.sqrt(units / (units - 1)) * t);
  return between(replicates, [tail, 1 - tail]);
}

/**
 * Bias-corrected and accelerated (Efron 1987), as `scipy.stats.bootstrap` computes it.
 * @param estimate of the data themselves
 * @param jackknife the estimates without each unit of the first tier
 * @returns NaN if all replicates lie on one side of the estimate
 */
export function bcaInterval(
  replicates: Float64Array,
  confidence: number,
  estimate: number,
  jackknife: readonly number[],
): Ends {
  const bias = normalQuantile(shareBelow(replicates, estimate));
  if (!Number.isFinite(bias)) return { low: Number.NaN, high: Number.NaN };
  const centre = jackknife.reduce((sum, value) => sum + value, 0) / jackknife.length;
  let [squares, cubes] = [0, 0];
  for (const value of jackknife) {
    squares += (centre - value) ** 2;
    cubes += (centre - value) ** 3;
  }
  const acceleration = squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
  const tailOf = (p: number): number => {
    const z = bias + normalQuantile(p);
    return normalCdf(bias + z / (1 - acceleration * z));
  };
  const tail = (1 - confidence) / 2;
  return between(replicates, [tailOf(tail), tailOf(1 - tail)]);
}

/** The share of the replicates below a number, those at it by half. Equal up to rounding is equal. */
function shareBelow(replicates: Float64Array, estimate: number): number {
  const slack = 1e-12 * Math.abs(estimate);
  let below = 0;
  for (const value of replicates) {
    if (value < estimate - slack) below += 1;
    else if (value <= estimate + slack) below += 0.5;
  }
  return below / replicates.length;
}
