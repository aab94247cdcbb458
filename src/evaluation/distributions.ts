/** Φ, the distribution function of N(0, 1), to about 1e-15 (Marsaglia 2004, a series in odd powers). */
export function normalCdf(x: number): number {
  // Beyond, 1e-16 of the mass is left, and the series would cancel.
  if (Math.abs(x) > 8.3) return x > 0 ? 1 : 0;
  let [sum, term] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** Φ⁻¹; ±Infinity at 0 and 1. */
export function normalQuantile(p: number): number {
  if (p <= 0 || p >= 1) return p <= 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return inverse(normalCdf, p, 9);
}

/**
 * The distribution function of Student's t for a whole number of degrees of freedom: finite sums, Abramowitz and Stegun
 * 26.7.3 and 26.7.4.
 */
export function studentCdf(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = degrees % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = 0;
  for (let k = odd ? 1 : 0; k <= degrees - 2; k += 2) {
    sum += term;
    term *= (cosine * cosine * (k + 1)) / (k + 2);
  }
  const between = odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return 0.5 + between / 2;
}

/** The quantile of Student's t, for `0 < p < 1` and a whole number of degrees of freedom. */
export function studentQuantile(p: number, degrees: number): number {
  const cdf = (t: number): number => studentCdf(t, degrees);
  let bound = 10;
  while (cdf(-bound) > p || cdf(bound) < p) bound *= 10;
  return inverse(cdf, p, bound);
}

/** Where a rising function is p, within ±bound, by bisection to the last bits. */
function inverse(cdf: (x: number) => number, p: number, bound: number): number {
  let [low, high] = [-bound, bound];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (cdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
