import { BicotError } from '../errors.js';
import { assertKnownOptions } from '../options.js';
import type { EvaluatedSample, Evaluation } from '../train/evaluate.js';
import { bootstrap, INTERVAL_OPTIONS, type IntervalOptions } from './bootstrap.js';
import { holm } from './holm.js';
import { type Measure, type Measures, measured, rewardMeasures, scoreOf } from './measures.js';
import { nestedMean, withoutNaN } from './nested.js';
import { byPrompt, type Part, partsOf } from './parts.js';
import { signFlipTest } from './sign-flip.js';

/** Options of `compareEvaluations`. */
export interface CompareOptions<P> extends IntervalOptions {
  /** The type of a prompt, such as its task: each gets rows of its own. Default: all prompts together. */
  readonly by?: (prompt: P) => string;
  /** What to compare. Default `rewardMeasures`, which must be the same of both. */
  readonly measures?: Measures<P>;
  /** Drawn patterns of signs for each p-value; default 9999. */
  readonly flips?: number;
}

/** One measure of both evaluations, over all prompts or those of a type; of samples that both have a score of. */
export interface ComparisonRow {
  /** By its name in `CompareOptions.measures`; by default `total` or a reward's name. */
  readonly measure: string;
  /** Null: all prompts. */
  readonly type: string | null;
  /** Of the first evaluation: the mean of the prompts' means. NaN if no sample has both scores. */
  readonly a: number;
  /** The same of the second evaluation. */
  readonly b: number;
  /** b − a. */
  readonly difference: number;
  /** The lower end of the interval of the difference; NaN where nothing can be said, for the reason in `note`. */
  readonly low: number;
  /** The upper end; NaN where `low` is. */
  readonly high: number;
  /** Of the sign-flip test over prompts, two-sided. */
  readonly p: number;
  /** Corrected for as many types as there are; of all prompts, p itself. */
  readonly pHolm: number;
  /** Prompts whose mean is higher in b. */
  readonly wins: number;
  /** Prompts whose means are equal but for rounding. */
  readonly ties: number;
  /** Prompts whose mean is higher in a. */
  readonly losses: number;
  /** Prompts with at least one pair. */
  readonly prompts: number;
  /** Pairs of samples. */
  readonly pairs: number;
  /** Pairs that lack a score on one side or on both; they are in no mean. */
  readonly unpaired: number;
  /** What must be said about the numbers, in words. */
  readonly note?: string;
}

/** Two evaluations beside each other: plain data. */
export interface EvaluationComparison {
  /** The share of such intervals that hold the truth: 0.95 unless asked for otherwise. */
  readonly confidence: number;
  /** By measure; of each, all prompts and then the types. */
  readonly rows: readonly ComparisonRow[];
}

/** The same sample in both. */
interface Pair<P> {
  readonly promptIndex: number;
  readonly a: EvaluatedSample<P>;
  readonly b: EvaluatedSample<P>;
}

/**
 * Compares two checkpoints that were evaluated on the same prompts with the same seed. Pairs of samples are of the same
 * prompt and the same random numbers; their differences are averaged by prompt, and prompts are what is counted.
 * @param a before
 * @param b after
 * @throws BicotError `value` if prompts, seeds, numbers of samples or measures differ, or for options that make no sense
 */
export function compareEvaluations<P>(
  a: Evaluation<P>,
  b: Evaluation<P>,
  options: CompareOptions<P> = {},
): EvaluationComparison {
  assertKnownOptions('compareEvaluations', options, [...INTERVAL_OPTIONS, 'by', 'measures', 'flips']);
  const { by, measures = sameMeasures(a, b), flips, ...interval } = options;
  const parts = partsOf(pairsOf(a, b), (pair) => pair.a.sample.prompt, by);
  return {
    confidence: interval.confidence ?? 0.95,
    rows: Object.entries(measures).flatMap(([name, measure]) => {
      const rows = parts.map((part) => rowOf(part, name, measure, { ...interval, flips }));
      const [all, ...types] = rows;
      const corrected = [(all as { p: number }).p, ...holm(types.map(({ p }) => p))];
      return rows.map((row, i) => ({ ...row, pHolm: corrected[i] as number }));
    }),
  };
}

function rowOf<P>(
  { type, samples: pairs }: Part<Pair<P>>,
  name: string,
  measure: Measure<P>,
  { flips, ...options }: IntervalOptions & Pick<CompareOptions<P>, 'flips'>,
): Omit<ComparisonRow, 'pHolm'> {
  const scored = pairs.map(({ promptIndex, a, b }) => {
    const x = scoreOf(measured(name, measure, a));
    const y = scoreOf(measured(name, measure, b));
    const both = !Number.isNaN(x) && !Number.isNaN(y);
    return both
      ? { promptIndex, x, y, difference: y - x }
      : { promptIndex, x: Number.NaN, y: Number.NaN, difference: Number.NaN };
  });
  const mean = (of: (pair: (typeof scored)[number]) => number): number =>
    nestedMean(withoutNaN('compareEvaluations', byPrompt(scored, of)));
  const differences = withoutNaN(
    'compareEvaluations',
    byPrompt(scored, ({ difference }) => difference),
  );
  const { estimate, low, high, units, numbers, note } = bootstrap(differences, options);
  const [x, y] = [mean((pair) => pair.x), mean((pair) => pair.y)];
  const size = scored.reduce((most, pair) => Math.max(most, Math.abs(pair.x) || 0, Math.abs(pair.y) || 0), 0);
  const means = differences.map((ofPrompt) => nestedMean(ofPrompt as readonly number[]));
  // What is 0 but for rounding is a tie.
  const wins = means.filter((value) => value > 1e-12 * size).length;
  const losses = means.filter((value) => value < -1e-12 * size).length;
  return {
    ...{ measure: name, type, a: x, b: y, difference: estimate, low, high },
    p: signFlipTest(means, {
      ...(flips !== undefined && { flips }),
      ...(options.seed !== undefined && { seed: options.seed }),
    }),
    ...{ wins, ties: units - wins - losses, losses },
    ...{ prompts: units, pairs: numbers, unpaired: pairs.length - numbers },
    ...(note !== undefined && { note: numbers > 0 ? note : 'no sample has a score on both sides' }),
  };
}

function refuse(what: string): never {
  throw new BicotError('value', `compareEvaluations: ${what}`);
}

/** Samples of both side by side. */
function pairsOf<P>(a: Evaluation<P>, b: Evaluation<P>): Pair<P>[] {
  if (a.seed !== b.seed) {
    refuse(
      `the seeds are ${a.seed} and ${b.seed}, so that samples drew other random numbers. Evaluate both with one seed.`,
    );
  }
  const [promptsA, promptsB] = [promptsOf(a), promptsOf(b)];
  if (promptsA.length !== promptsB.length) {
    refuse(`there are ${promptsA.length} and ${promptsB.length} prompts. Evaluate both on the same prompts.`);
  }
  promptsA.forEach((prompt, i) => {
    if (samePrompt(prompt, promptsB[i] as P)) return;
    refuse(
      `prompt ${i} is ${JSON.stringify(prompt)} in one and ${JSON.stringify(promptsB[i])} in the other. Evaluate both on the same prompts in the same order.`,
    );
  });
  const [samplesA, samplesB] = [a.samples, b.samples];
  const place = ({ promptIndex, sample }: EvaluatedSample<P>): string => `${promptIndex}:${sample.index}`;
  if (
    samplesA.length !== samplesB.length ||
    samplesA.some((one, i) => place(one) !== place(samplesB[i] as EvaluatedSample<P>))
  ) {
    refuse(
      `there are ${samplesA.length} and ${samplesB.length} samples, which do not pair up. Evaluate both with the same samplesPerPrompt.`,
    );
  }
  return samplesA.map((one, i) => ({
    promptIndex: one.promptIndex,
    a: one,
    b: samplesB[i] as EvaluatedSample<P>,
  }));
}

function promptsOf<P>({ samples }: Evaluation<P>): P[] {
  return [...new Map(samples.map(({ promptIndex, sample }) => [promptIndex, sample.prompt])).values()];
}

/** One may have come from a file, so equal content will do. */
const samePrompt = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

function sameMeasures<P>(a: Evaluation<P>, b: Evaluation<P>): Measures<P> {
  const [measures, others] = [rewardMeasures(a), Object.keys(rewardMeasures(b))];
  const names = Object.keys(measures);
  const odd = [
    ...names.filter((name) => !others.includes(name)),
    ...others.filter((name) => !names.includes(name)),
  ];
  if (odd.length > 0) {
    refuse(
      `${odd.join(', ')} was measured in one of them only. Evaluate both with the same rewards, or say what to compare in measures.`,
    );
  }
  return measures;
}
