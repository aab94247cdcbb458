/** On simulated data whose truth is known: intervals cover as often as they say, p-values are uniform. */
import { describe, expect, it } from 'vitest';
import { normalValues, type UniformStream, uniformStream } from '../tensor/noise.js';
import { bootstrap, type IntervalOptions } from './bootstrap.js';
import type { Nested } from './nested.js';
import { signFlipTest } from './sign-flip.js';

interface World {
  readonly prompts: number;
  readonly samples: number;
  /** Standard deviations of prompts, and of samples around their prompt. */
  readonly between: number;
  readonly within: number;
}

/** Normal numbers in two tiers, of mean 0. */
function draw({ prompts, samples, between, within }: World, stream: UniformStream): number[][] {
  const values = normalValues(stream, prompts * (samples + 1));
  return Array.from({ length: prompts }, (_, i) => {
    const own = values.subarray(i * (samples + 1), (i + 1) * (samples + 1));
    return Array.from(own.subarray(1), (value) => between * (own[0] as number) + within * value);
  });
}

const REPEATS = 1000;

/** How many percent of the intervals hold the truth, and their mean width. */
function coverage(
  world: World,
  options: IntervalOptions = {},
  { dataOf = (drawn: number[][]): Nested => drawn, repeats = REPEATS } = {},
) {
  let [covered, width] = [0, 0];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const data = dataOf(draw(world, uniformStream('coverage', repeat)));
    const { low, high } = bootstrap(data, { resamples: 399, seed: repeat, ...options });
    if (low <= 0 && high >= 0) covered++;
    width += (high - low) / repeats;
  }
  return { percent: (100 * covered) / repeats, width };
}

const CLUSTERED: World = { prompts: 40, samples: 4, between: 1, within: 1 };
const FEW: World = { ...CLUSTERED, prompts: 10 };
const NOISE: World = { prompts: 40, samples: 4, between: 0, within: 1 };

describe('intervals of 95 %', () => {
  it.each<[string, World, IntervalOptions]>([
    ['prompts that differ', CLUSTERED, {}],
    ['prompts that are alike', NOISE, {}],
    ['few prompts', FEW, { resamples: 999 }],
    ['percentiles of many prompts', CLUSTERED, { method: 'percentile' }],
    ['bias-corrected ones', CLUSTERED, { method: 'bca' }],
  ])('cover 95 ± 2 %: %s', (_, world, options) => {
    const { percent } = coverage(world, options);
    expect(percent).toBeGreaterThan(93);
    expect(percent).toBeLessThan(97);
  });

  it('of few prompts need the correction that is the default', () => {
    expect(coverage(FEW, { method: 'percentile' }).percent).toBeLessThan(92);
  });

  it('are wider than those that take samples of a prompt for prompts, which cover too little', () => {
    const nested = coverage(CLUSTERED, { resamples: 199 }, { repeats: 300 });
    const naive = coverage(CLUSTERED, { resamples: 199 }, { repeats: 300, dataOf: (drawn) => drawn.flat() });
    // The variance of the mean is (1 + 1/4)/40 and not 2/160.
    expect(nested.width / naive.width).toBeCloseTo(Math.sqrt(2.5), 1);
    expect(naive.percent).toBeLessThan(82);
  });

  it('that draw the samples too count their spread twice', () => {
    const once = coverage(NOISE, { resamples: 199 }, { repeats: 300 });
    const both = coverage(NOISE, { resamples: 199, resample: [true, true] }, { repeats: 300 });
    // 1 + 3/4 times the variance.
    expect(both.width / once.width).toBeCloseTo(Math.sqrt(1.75), 1);
    expect(both.percent).toBeGreaterThan(98);
  });
});

describe('p-values', () => {
  it('are uniform where there is no difference, and small where there is one', () => {
    const pOf = (repeat: number, shift: number): number => {
      const values = normalValues(uniformStream('no difference', repeat), 25);
      // Skewed sizes, symmetric signs.
      const differences = Array.from(values, (value) => value ** 3 + shift);
      return signFlipTest(differences, { flips: 199, seed: repeat });
    };
    const repeats = Array.from({ length: REPEATS }, (_, i) => i);
    const sorted = repeats.map((repeat) => pOf(repeat, 0)).sort((a, b) => a - b);
    const distance = Math.max(
      ...sorted.map((p, i) => Math.max(Math.abs(p - i / REPEATS), Math.abs(p - (i + 1) / REPEATS))),
    );
    // Kolmogorov's bound of 1 %, and the step of p itself.
    expect(distance).toBeLessThan(1.63 / Math.sqrt(REPEATS) + 1 / 200);
    const shifted = repeats.slice(0, 200).map((repeat) => pOf(repeat, 3));
    expect(shifted.filter((p) => p < 0.05).length).toBeGreaterThan(160);
  });
});
