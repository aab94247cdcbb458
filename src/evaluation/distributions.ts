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
 * The distribution function of Student's t for any degrees of freedom above 0, whole or not: an incomplete beta function (Abramowitz
 * and Stegun 26.7.1).
 */
export function studentCdf(t: number, degrees: number): number {
  const squares = degrees + t * t;
  const between = incompleteBeta((t * t) / squares, degrees / squares, 0.5, degrees / 2);
  return 0.5 + (Math.sign(t) * between) / 2;
}

/** The quantile of Student's t, for `0 < p < 1` and any degrees of freedom above 0. */
export function studentQuantile(p: number, degrees: number): number {
  const cdf = (t: number): number => studentCdf(t, degrees);
  let bound = 10;
  while (cdf(-bound) > p || cdf(bound) < p) bound *= 10;
  return inverse(cdf, p, bound);
}

/**
 * I_x(a, b), regularized, for x between 0 and 1: a continued fraction, where it converges fast.
 * @param rest 1 − x, so that it is exact where x is next to 1
 */
function incompleteBeta(x: number, rest: number, a: number, b: number): number {
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(rest, x, b, a);
  if (x <= 0) return 0;
  const front = Math.exp(
    a * Math.log(x) + b * Math.log(rest) + logGamma(a + b) - logGamma(a) - logGamma(b) - Math.log(a),
  );
  // Lentz's method; no partial denominator may be 0.
  const apart = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let [c, d] = [1, 1 / apart(1 - ((a + b) * x) / (a + 1))];
  let fraction = d;
  for (let m = 1; m <= 500; m++) {
    let change = 1;
    for (const factor of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 / apart(1 + factor * d);
      c = apart(1 + factor / c);
      fraction *= c * d;
      change = c * d;
    }
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return front * fraction;
}

/** ln Γ(x) for x above 0: Stirling's series, from where it is exact to the last bits. */
function logGamma(x: number): number {
  if (x < 12) return logGamma(x + 1) - Math.log(x);
  const y = 1 / (x * x);
  const series = (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188)))) / x;
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series;
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
