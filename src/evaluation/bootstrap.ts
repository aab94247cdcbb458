import { BicotError } from '../errors.js';
import { nanMoments } from '../objective/statistics.js';
import { assertKnownOptions, assertNumber, POSITIVE_INTEGER } from '../options.js';
import { type UniformStream, uniformStream } from '../tensor/noise.js';
import {
  bcaInterval,
  type Ends,
  expandedInterval,
  type IntervalMethod,
  percentileInterval,
} from './intervals.js';
import {
  collapsed,
  countNumbers,
  type Nested,
  nestedMean,
  resampled,
  resampledMean,
  tiersOf,
  withoutNaN,
} from './nested.js';

/** How intervals are made. */
export interface IntervalOptions {
  /**
   * Which tiers are drawn anew, from the first. Default: the first alone, `[true, false, …]`; what lies below moves with it. That
   * is the right spread if the first tier is a sample of what there could be: the spread of the prompts' means holds that of
   * their samples already, and to draw samples too counts it twice. `[false, true]` keeps the prompts: an interval for
   * these very prompts, of what other samples would give.
   */
  readonly resample?: readonly boolean[];
  /**
   * Default `expanded`, percentiles with Student's correction for few units; without a first tier that is resampled it has no
   * count to go by, and `percentile` is the default. `bca`: bias-corrected and accelerated.
   */
  readonly method?: IntervalMethod;
  /** Between 0 and 1; default 0.95. */
  readonly confidence?: number;
  /** How often the data are drawn anew; default 9999. The ends then move by about 1.5 % of the interval's half width from seed to seed. */
  readonly resamples?: number;
  /** Default 0. The same seed, the same interval. */
  readonly seed?: number;
}

/** Options of `bootstrap`. */
export interface BootstrapOptions extends IntervalOptions {
  /** Of data without NaN. Default `nestedMean`: the mean of the prompts' means. */
  readonly statistic?: (data: Nested) => number;
}

/** An estimate and how certain it is. */
export interface BootstrapInterval {
  /** NaN if there is no number at all. */
  readonly estimate: number;
  /** The lower end; NaN where nothing can be said, for the reason in `note`. */
  readonly low: number;
  /** The upper end; NaN where `low` is. */
  readonly high: number;
  /** The standard deviation of the replicates. */
  readonly standardError: number;
  /** In the first tier, with at least one number. */
  readonly units: number;
  /** In the last tier. */
  readonly numbers: number;
  /** What must be said about the interval, in words. */
  readonly note?: string;
}

/** The names of `IntervalOptions`. */
export const INTERVAL_OPTIONS = ['resample', 'method', 'confidence', 'resamples', 'seed'] as const;

const METHODS: readonly IntervalMethod[] = ['percentile', 'expanded', 'bca'];

/** What is decided about an interval before data are seen, with defaults. */
interface IntervalSettings {
  readonly resample: readonly boolean[];
  readonly method: IntervalMethod;
  readonly confidence: number;
  readonly resamples: number;
}

/**
 * A confidence interval by the bootstrap, in float64, for numbers in any number of tiers.
 * @param data NaN where there is no number; what is empty then is left out
 * @throws BicotError `value` for options that make no sense or data that are no tiers of numbers; `non-finite` for infinities
 */
export function bootstrap(data: Nested, options: BootstrapOptions = {}): BootstrapInterval {
  assertKnownOptions('bootstrap', options, [...INTERVAL_OPTIONS, 'statistic']);
  const { statistic, seed = 0 } = options;
  const known = withoutNaN('bootstrap', data);
  const settings = readSettings(options, tiersOf('bootstrap', known), known.length === 0);
  const estimate = (statistic ?? nestedMean)(known);
  const counts = { units: known.length, numbers: countNumbers(known) };
  const unknown = { low: Number.NaN, high: Number.NaN, standardError: Number.NaN, ...counts };
  if (known.length === 0) return { estimate: Number.NaN, ...unknown, note: 'there are no numbers' };
  if (settings.resample[0] && known.length === 1) {
    return {
      estimate,
      ...unknown,
      note: 'there is one unit only, which says nothing about how units differ',
    };
  }
  const all = replicates(known, settings, uniformStream(seed, 'bootstrap'), statistic);
  const odd = all.filter(Number.isNaN).length;
  if (odd > 0)
    return { estimate, ...unknown, note: `the statistic is NaN in ${odd} of ${all.length} resamples` };
  const standardError = nanMoments(all).std;
  if (standardError <= 1e-12 * Math.abs(estimate)) {
    const note = 'all units are equal, and resampling cannot tell how others would differ';
    return { estimate, low: estimate, high: estimate, standardError: 0, ...counts, note };
  }
  const ends = endsOf(known, settings, all, estimate, statistic);
  const note = Number.isNaN(ends.low) && 'all resamples lie on one side of the estimate; use another method';
  return { estimate, ...ends, standardError, ...counts, ...(note && { note }) };
}

/**
 * The statistic of data that are drawn anew, again and again.
 * @param data without NaN
 * @param stream gives all draws, resample by resample
 */
export function replicates(
  data: Nested,
  { resample, resamples }: Pick<IntervalSettings, 'resample' | 'resamples'>,
  stream: UniformStream,
  statistic?: (data: Nested) => number,
): Float64Array {
  const drawn = new Float64Array(resamples);
  if (statistic) return drawn.map(() => statistic(resampled(data, resample, stream)));
  // What is never drawn apart can be averaged once.
  const means = collapsed(data, resample.lastIndexOf(true) + 1);
  return drawn.map(() => resampledMean(means, resample, stream));
}

function endsOf(
  data: Nested,
  { method, confidence }: IntervalSettings,
  all: Float64Array,
  estimate: number,
  statistic: (data: Nested) => number = nestedMean,
): Ends {
  if (method === 'percentile') return percentileInterval(all, confidence);
  if (method === 'expanded') return expandedInterval(all, confidence, data.length);
  const without = data.map((_, out) => statistic(data.filter((_, i) => i !== out)));
  return bcaInterval(all, confidence, estimate, without);
}

/** @param empty there are no data, so that nobody knows how many tiers there were */
function readSettings(options: IntervalOptions, tiers: number, empty: boolean): IntervalSettings {
  const { confidence = 0.95, resamples = 9999 } = options;
  const { resample = Array.from({ length: tiers }, (_, tier) => tier === 0) } = options;
  const { method = resample[0] ? 'expanded' : 'percentile' } = options;
  assertNumber('bootstrap', 'resamples', resamples, POSITIVE_INTEGER);
  assertNumber('bootstrap', 'confidence', confidence, {
    words: 'between 0 and 1, e.g. 0.95',
    test: (value) => value > 0 && value < 1,
  });
  const refuse = (what: string): never => {
    throw new BicotError('value', `bootstrap: ${what}`);
  };
  if (!METHODS.includes(method)) refuse(`method is '${method}', but must be one of ${METHODS.join(', ')}.`);
  if (resamples < 2) refuse('resamples is 1, which has no spread. Ask for 1000 or more.');
  if (!empty && resample.length !== tiers) {
    refuse(
      `resample has ${resample.length} entries, but the data have ${tiers} tiers. Say true or false for each.`,
    );
  }
  if (!resample.includes(true))
    refuse('resample draws no tier, so nothing would vary. Make one of them true.');
  if (!resample[0] && method !== 'percentile') {
    refuse(`method '${method}' goes by the units of the first tier, which resample keeps. Use 'percentile'.`);
  }
  return { resample, method, confidence, resamples };
}
