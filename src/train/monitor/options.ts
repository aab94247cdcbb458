import type { StepMetrics } from '../metrics.js';
import type { SeriesStore } from './state.js';

/** When the monitor speaks. A finding goes away where its value is back at half of the threshold (or as said). */
export interface MonitorOptions {
  /** Steps that shares, failures and entropies are averaged over. Default 10. */
  readonly window?: number;
  /** Steps that a trend is fitted to; half as many are the least. Default 80. */
  readonly trendWindow?: number;
  /** The most that `maxRatioDeviation` may be (before the first update). Default 0.01; 10 times that is an error. */
  readonly ratioTolerance?: number;
  /** The most that `meanRatio` may be away from 1 (before the last update). Default 0.1. */
  readonly meanRatioTolerance?: number;
  /** The most KL per token, in nats, as the median of 5 steps; a single step may have 10 times that. Default 3. */
  readonly maxKl?: number;
  /** The most that the KL may be in multiples of the median of the steps before, once it is above 0.3. Default 10. */
  readonly klGrowth?: number;
  /** The most that `gradNorm` may be in multiples of the median of the steps before, or of the first ones. Default 10. */
  readonly gradientGrowth?: number;
  /** A trained level whose gradient is a smaller part of the largest level's counts as frozen. Default 0.01. */
  readonly frozen?: number;
  /** The least that a level's entropy may be, as a part of its first steps'; clear at 1.5 times that. Default 0.2. */
  readonly minEntropy?: number;
  /** The most groups without a spread; clear at 0.8 times that. Default 0.5. */
  readonly flatGroups?: number;
  /** The largest share of the advantage that one of several rewards may have; clear 0.05 below. Default 0.9. */
  readonly dominance?: number;
  /**
   * How sure the fall of a held-out reward must be, in standard errors, to be called hacking; the rise of the
   * trained one must be 3 (`hacking.ts`). Default 5.5: at less, noise alone is called hacking once in 75 runs of 400 steps.
   */
  readonly hacking?: number;
  /** The most samples that a reward may fail on. Default 0.1; above 0.5 it is an error. */
  readonly failures?: number;
  /** The most samples that a reward may abstain on; clear at 0.9 times that. Default 0.9. */
  readonly abstentions?: number;
}

/** Every threshold, defaults filled in. */
export type MonitorSettings = Required<MonitorOptions>;

/** What the alarms look at. */
export interface MonitorView {
  readonly metrics: StepMetrics;
  /** With this step's values pushed. */
  readonly series: SeriesStore;
  readonly settings: MonitorSettings;
}
