/** The statistics equal SciPy's: see test/reference/bootstrap.py. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { nanMoments } from '../objective/statistics.js';
import type { UniformStream } from '../tensor/noise.js';
import { replicates } from './bootstrap.js';
import { normalCdf, normalQuantile, studentCdf, studentQuantile } from './distributions.js';
import { bcaInterval, expandedInterval, type IntervalMethod, percentileInterval } from './intervals.js';
import { type Nested, nestedMean, resampled } from './nested.js';
import { signFlipTest } from './sign-flip.js';

interface IntervalCase {
  readonly statistic: 'mean' | 'std';
  readonly method: IntervalMethod;
  readonly confidence: number;
  readonly low: number;
  readonly high: number;
  readonly standardError?: number;
}

interface Fixture {
  readonly flat: {
    readonly data: readonly number[];
    readonly resamples: number;
    readonly indices: readonly (readonly number[])[];
    readonly cases: readonly IntervalCase[];
  };
  readonly judged: { readonly data: readonly number[]; readonly cases: readonly IntervalCase[] };
  readonly tiers: readonly {
    readonly data: Nested;
    readonly resample: readonly boolean[];
    readonly uniforms: readonly number[];
    readonly replicates: readonly number[];
  }[];
  readonly signFlips: readonly { readonly differences: readonly number[]; readonly p: number }[];
  readonly normal: readonly (readonly [number, number])[];
  readonly normalQuantile: readonly (readonly [number, number])[];
  readonly student: readonly (readonly [number, number, number])[];
  readonly studentQuantile: readonly (readonly [number, number, number])[];
}

const fixture = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../test/fixtures/bootstrap.json', import.meta.url)), 'utf8'),
) as Fixture;

/** Gives these numbers; what is too many or too few throws. */
function given(values: readonly number[]): UniformStream & { readonly left: () => number } {
  let at = 0;
  const next = (): number => {
    if (at >= values.length) throw new Error('more draws than SciPy made');
    return values[at++] as number;
  };
  return Object.assign(next, { left: () => values.length - at });
}

const std = (data: Nested): number => nanMoments(data as readonly number[]).std;

describe('intervals', () => {
  const { resamples, indices } = fixture.flat;
  const cases = [fixture.flat, fixture.judged].flatMap(({ data, cases: own }) =>
    own.map((one) => ({ ...one, data })),
  );

  it.each(cases)("are SciPy's: $statistic, $method, $confidence", ({ data, ...one }) => {
    const stream = given(indices.flat().map((index) => (index + 0.5) / data.length));
    const statistic = one.statistic === 'std' ? std : undefined;
    const drawn = replicates(data, { resample: [true], resamples }, stream, statistic);
    const apply = statistic ?? nestedMean;
    const without = data.map((_, out) => apply(data.filter((_, i) => i !== out)));
    const ends =
      one.method === 'percentile'
        ? percentileInterval(drawn, one.confidence)
        : one.method === 'bca'
          ? bcaInterval(drawn, one.confidence, apply(data), without)
          : expandedInterval(drawn, one.confidence, data.length);
    expect(ends.low).toBeCloseTo(one.low, 12);
    expect(ends.high).toBeCloseTo(one.high, 12);
    if (one.standardError !== undefined) expect(nanMoments(drawn).std).toBeCloseTo(one.standardError, 12);
  });
});

describe('resampling in tiers', () => {
  it.each(fixture.tiers)("draws as NumPy's transcription: $resample", ({ data, resample, ...wanted }) => {
    const resamples = wanted.replicates.length;
    const stream = given(wanted.uniforms);
    expect(replicates(data, { resample, resamples }, stream)).toBeAllclose(wanted.replicates, 1e-14);
    expect(stream.left()).toBe(0);
    // The same for a statistic of one's own, which sees what was drawn.
    const again = given(wanted.uniforms);
    expect(replicates(data, { resample, resamples }, again, nestedMean)).toBeAllclose(
      wanted.replicates,
      1e-14,
    );
    const tree = resampled(data, resample, given(wanted.uniforms));
    expect(nestedMean(tree)).toBeCloseTo(wanted.replicates[0] as number, 14);
  });
});

describe('distributions', () => {
  it('are those of SciPy', () => {
    for (const [x, p] of fixture.normal) expect(Math.abs(normalCdf(x) - p)).toBeLessThan(1e-15);
    for (const [p, x] of fixture.normalQuantile) expect(Math.abs(normalQuantile(p) - x)).toBeLessThan(1e-10);
    for (const [x, nu, p] of fixture.student) expect(Math.abs(studentCdf(x, nu) - p)).toBeLessThan(1e-13);
    for (const [p, nu, x] of fixture.studentQuantile) {
      const error = Math.abs(studentQuantile(p, nu) - x) / (1 + Math.abs(x));
      expect(error, `${p}, ${nu}`).toBeLessThan(1e-8);
    }
  });
});

describe('signFlipTest', () => {
  it.each(fixture.signFlips)("has SciPy's p where all patterns are counted: $p", ({ differences, p }) => {
    expect(signFlipTest(differences)).toBeCloseTo(p, 14);
    // Drawn patterns come near it.
    const drawn = signFlipTest([...differences, 1e-300, 1e-300, 1e-300, 1e-300, 1e-300, 1e-300, 1e-300], {
      flips: 4000,
    });
    expect(Math.abs(drawn - p)).toBeLessThan(0.03);
    expect(drawn).not.toBe(p);
  });
});
