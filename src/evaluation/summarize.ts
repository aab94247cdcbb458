import { assertKnownOptions } from '../options.js';
import { memberStatistics } from '../rewards/ensemble/statistics.js';
import type { EvaluatedSample, Evaluation } from '../train/evaluate.js';
import { bootstrap, INTERVAL_OPTIONS, type IntervalOptions } from './bootstrap.js';
import { type Measure, type Measures, measured, rewardMeasures, scoreOf } from './measures.js';
import { byPrompt, type Part, partsOf } from './parts.js';

/** Options of `summarize`. */
export interface SummarizeOptions<P> extends IntervalOptions {
  /** The type of a prompt, such as its task: each gets rows of its own. Default: all prompts together. */
  readonly by?: (prompt: P) => string;
  /** What to sum up. Default `rewardMeasures(evaluation)`. */
  readonly measures?: Measures<P>;
}

/** One measure, over all prompts or those of a type. */
export interface SummaryRow {
  /** By its name in `SummarizeOptions.measures`; by default `total` or a reward's name. */
  readonly measure: string;
  /** Null: all prompts. */
  readonly type: string | null;
  /** Of the prompts' means, each over the samples that have a score. NaN if none has. */
  readonly mean: number;
  /** The lower end of the interval; NaN where nothing can be said, for the reason in `note`. */
  readonly low: number;
  /** The upper end; NaN where `low` is. */
  readonly high: number;
  /** Prompts with at least one score. */
  readonly prompts: number;
  /** Samples that were scored. */
  readonly samples: number;
  /** Samples that were abstained on; they are in no mean. */
  readonly abstained: number;
  /** Samples that could not be scored; they are in no mean. */
  readonly failed: number;
  /** Why, for the first of them. */
  readonly failureReason?: string;
  /** What must be said about the numbers, in words. */
  readonly note?: string;
}

/** An evaluation in numbers: plain data. */
export interface EvaluationSummary {
  /** The share of such intervals that hold the truth: 0.95 unless asked for otherwise. */
  readonly confidence: number;
  /** By measure; of each, all prompts and then the types. */
  readonly rows: readonly SummaryRow[];
}

/**
 * Means with intervals, by measure and by type of prompt. Intervals are of the mean over prompts like these (the prompts
 * are drawn anew); `resample: [false, true]` makes them of these very prompts.
 * @throws BicotError `value` for options that make no sense; what `by` and measures throw
 */
export function summarize<P>(
  evaluation: Evaluation<P>,
  options: SummarizeOptions<P> = {},
): EvaluationSummary {
  assertKnownOptions('summarize', options, [...INTERVAL_OPTIONS, 'by', 'measures']);
  const { by, measures = rewardMeasures(evaluation), ...interval } = options;
  const parts = partsOf(evaluation.samples, ({ sample }) => sample.prompt, by);
  return {
    confidence: interval.confidence ?? 0.95,
    rows: Object.entries(measures).flatMap(([name, measure]) =>
      parts.map((part) => rowOf(part, name, measure, interval)),
    ),
  };
}

function rowOf<P>(
  { type, samples }: Part<EvaluatedSample<P>>,
  name: string,
  measure: Measure<P>,
  options: IntervalOptions,
): SummaryRow {
  const results = samples.map((sample) => ({
    promptIndex: sample.promptIndex,
    result: measured(name, measure, sample),
  }));
  const { abstained, failed, failureReason } = memberStatistics(results.map(({ result }) => result));
  const { estimate, low, high, units, numbers, note } = bootstrap(
    byPrompt(results, ({ result }) => scoreOf(result)),
    options,
  );
  return {
    ...{ measure: name, type, mean: estimate, low, high },
    ...{ prompts: units, samples: numbers, abstained, failed },
    ...(failureReason !== undefined && { failureReason }),
    ...(note !== undefined && { note: numbers > 0 ? note : noScores(abstained, failed) }),
  };
}

function noScores(abstained: number, failed: number): string {
  const why = [abstained > 0 && `${abstained} abstained`, failed > 0 && `${failed} failed`];
  return `no sample has a score: ${why.filter(Boolean).join(', ')}`;
}
