import { BicotError } from '../errors.js';
import { nanMoments } from '../objective/statistics.js';
import { assertKnownOptions, assertNumber, POSITIVE_INTEGER } from '../options.js';
import { uniformInteger, uniformStream } from '../tensor/noise.js';
import type { BootstrapInterval } from './bootstrap.js';
import { expandedInterval } from './intervals.js';

/** Options of `crossedBootstrap`. */
export interface CrossedOptions {
  /** Between 0 and 1; default 0.95. */
  readonly confidence?: number;
  /** How often seeds and prompts are drawn anew; default 9999. */
  readonly resamples?: number;
  /** Default 0. The same seed, the same interval. */
  readonly seed?: number;
}

/**
 * An interval for a claim about a method, from several training runs that were all measured on the same prompts: runs and prompts
 * are both drawn anew, each draw of prompts for all runs (Owen 2007, "The pigeonhole bootstrap", arXiv 0712.1111, which shows that it errs on
 * the safe side). For the difference of two methods give the differences, run by run and prompt by prompt.
 *
 * Percentiles are moved out as far as Student's t asks for with so few runs; its degrees of freedom are Satterthwaite's for the variance
 * that runs and prompts have in the mean.
 * @param table `[S, P]`: of each of S runs a number for each of P prompts; two of each at least
 * @returns `units` is S, `numbers` S · P
 * @throws BicotError `value` for options that make no sense or rows of different lengths; `non-finite`
 */
export function crossedBootstrap(
  table: readonly (readonly number[])[],
  options: CrossedOptions = {},
): BootstrapInterval {
  assertKnownOptions('crossedBootstrap', options, ['confidence', 'resamples', 'seed']);
  const { confidence = 0.95, resamples = 9999, seed = 0 } = options;
  assertNumber('crossedBootstrap', 'resamples', resamples, POSITIVE_INTEGER);
  assertNumber('crossedBootstrap', 'confidence', confidence, {
    words: 'between 0 and 1, e.g. 0.95',
    test: (value) => value > 0 && value < 1,
  });
  const [runs, prompts] = checkedSize(table);
  const numbers = Float64Array.from(table.flat());
  const ofRuns = nanMoments(table.map((row) => nanMoments(row).mean));
  const ofPrompts = nanMoments(
    Array.from({ length: prompts }, (_, p) => nanMoments(table.map((row) => row[p] as number)).mean),
  );
  const estimate = ofRuns.mean;
  const counts = { units: runs, numbers: numbers.length };
  const varianceOfRuns = ofRuns.std ** 2 / runs;
  const varianceOfPrompts = ofPrompts.std ** 2 / prompts;
  if (varianceOfRuns + varianceOfPrompts === 0) {
    const note = 'all units are equal, and resampling cannot tell how others would differ';
    return { estimate, low: estimate, high: estimate, standardError: 0, ...counts, note };
  }
  const drawn = replicates(numbers, runs, prompts, resamples, seed);
  const freedom =
    (varianceOfRuns + varianceOfPrompts) ** 2 /
    (varianceOfRuns ** 2 / (runs - 1) + varianceOfPrompts ** 2 / (prompts - 1));
  const ends = expandedInterval(drawn, confidence, freedom + 1);
  return { estimate, ...ends, standardError: nanMoments(drawn).std, ...counts };
}

/** Means of tables whose rows and columns are drawn anew. */
function replicates(
  numbers: Float64Array,
  runs: number,
  prompts: number,
  resamples: number,
  seed: number,
): Float64Array {
  const stream = uniformStream(seed, 'crossed bootstrap');
  const columns = new Int32Array(prompts);
  return new Float64Array(resamples).map(() => {
    for (let p = 0; p < prompts; p++) columns[p] = uniformInteger(stream, prompts);
    let sum = 0;
    for (let r = 0; r < runs; r++) {
      const row = uniformInteger(stream, runs) * prompts;
      for (let p = 0; p < prompts; p++) sum += numbers[row + (columns[p] as number)] as number;
    }
    return sum / numbers.length;
  });
}

/** @throws BicotError unless it is a table of two by two finite numbers at least */
function checkedSize(table: readonly (readonly number[])[]): [runs: number, prompts: number] {
  const prompts = table[0]?.length ?? 0;
  if (table.length < 2 || prompts < 2 || table.some((row) => row.length !== prompts)) {
    throw new BicotError(
      'value',
      `crossedBootstrap: the rows have lengths ${table.map((row) => row.length).join(', ') || 'none'}; expected two runs at least, each with a number for each of the same two or more prompts. For prompts of one run use bootstrap.`,
    );
  }
  const odd = table.flat().find((value) => !Number.isFinite(value));
  if (odd !== undefined) {
    throw new BicotError(
      'non-finite',
      `crossedBootstrap: there is ${odd} among the numbers. Leave out prompts that lack a number in one of the runs.`,
    );
  }
  return [table.length, prompts];
}
