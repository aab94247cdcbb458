import { BicotError } from '../errors.js';
import { assertCount } from '../train/guards.js';
import type { RungName } from './report.js';

/** What is allowed before the doctor speaks. */
export interface DoctorLimits {
  /** The most that two equal forward passes may differ, in nats. Default 5e-5. */
  readonly noise: number;
  /** The most that `|ratio − 1|` may be before the first update. Default 1e-3. */
  readonly ratio: number;
  /** The most that batch-mates and padding may change a log-prob, in nats. Default 1e-4. */
  readonly invariance: number;
  /** The most that reference and policy may differ at the first step, in nats. Default 1e-4. */
  readonly reference: number;
  /** The most groups without a spread. Default 0.5. */
  readonly flatGroups: number;
  /** The largest share of the advantage that one of several rewards may have. Default 0.9. */
  readonly dominance: number;
  /** The most samples that a reward may fail on. Default 0.1. */
  readonly failures: number;
  /** The smallest gradient of a level, as a part of the largest level's. Default 0.01. */
  readonly frozen: number;
  /** How sure a rise of the probe's reward must be, in standard errors. Default 3.5. */
  readonly rise: number;
  /** The most that the gradient of the KL penalty may be, in multiples of the reward's. Default 1. */
  readonly klBalance: number;
  /** The least of the probe's rise that must be left with the penalty. Default 0.5. */
  readonly klRise: number;
}

/** The short training on one prompt. */
export interface ProbeOptions {
  /** The most steps; it ends earlier when the reward has clearly risen. Default 20. */
  readonly steps?: number;
  /** Default: the highest learning rate of the run's own schedule. */
  readonly learningRate?: number;
}

/** How far the doctor has come. */
export interface DoctorProgress {
  /** What is being looked at. */
  readonly rung: RungName;
  /** Rungs that are done. */
  readonly done: number;
  /** Rungs of the whole ladder, those that are left out included. */
  readonly total: number;
  /** Steps of the probe that are done. */
  readonly probeStep?: number;
}

/** How thoroughly to look. */
export interface DoctorOptions {
  /**
   * Steps' worth of samples that are looked at: those that the first steps of training will draw. Default 3; up to
   * three times as many where the share of flat groups is close to its limit.
   */
  readonly batches?: number;
  /** The most rows of a level that are scored one by one, and that explanations are fitted to. Default 8. */
  readonly rows?: number;
  /** `false` leaves out the short training, the costliest part. Default: as `ProbeOptions` says. */
  readonly probe?: ProbeOptions | false;
  /** What is allowed. Default: as `DoctorLimits` says. */
  readonly limits?: Partial<DoctorLimits>;
  /** Ends the examination with an error of code `aborted`; the run's own signal does too. */
  readonly signal?: AbortSignal;
  /** Called when a rung begins and after every step of the probe. */
  readonly onProgress?: (progress: DoctorProgress) => void;
}

/** Options with defaults filled in. */
export interface DoctorSettings {
  readonly batches: number;
  readonly rows: number;
  readonly probe: { readonly steps: number; readonly learningRate?: number } | false;
  readonly limits: DoctorLimits;
}

const LIMITS: DoctorLimits = {
  noise: 5e-5,
  ratio: 1e-3,
  invariance: 1e-4,
  reference: 1e-4,
  flatGroups: 0.5,
  dominance: 0.9,
  failures: 0.1,
  frozen: 0.01,
  rise: 3.5,
  klBalance: 1,
  klRise: 0.5,
};

/** The shortest probe that a trend can be told from. */
export const SHORTEST_PROBE = 6;

/**
 * Fills in defaults and refuses what makes no sense.
 * @throws BicotError `value`
 */
export function doctorSettings(options: DoctorOptions): DoctorSettings {
  const { batches = 3, rows = 8, probe = {} } = options;
  assertCount('doctor', 'batches', batches, 1);
  assertCount('doctor', 'rows', rows, 1);
  const limits = { ...LIMITS, ...options.limits };
  for (const [name, value] of Object.entries(limits)) {
    if (!(name in LIMITS) || !(typeof value === 'number' && value > 0)) {
      throw new BicotError(
        'value',
        `doctor: limits.${name} is ${value}; expected a number above 0 for one of ${Object.keys(LIMITS).join(', ')}.`,
      );
    }
  }
  if (probe === false) return { batches, rows, probe, limits };
  const { steps = 20, learningRate } = probe;
  assertCount('doctor', 'probe.steps', steps, SHORTEST_PROBE);
  if (learningRate !== undefined && !(learningRate > 0 && Number.isFinite(learningRate))) {
    throw new BicotError('value', `doctor: probe.learningRate is ${learningRate}, but must be above 0.`);
  }
  return { batches, rows, probe: { steps, learningRate }, limits };
}
