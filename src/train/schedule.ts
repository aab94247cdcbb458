import { BicotError } from '../errors.js';

/** The learning rate of a step; steps count from 0. */
export type Schedule = (step: number) => number;

/** Options of the warm-up schedules. */
export interface WarmupOptions {
  /** The highest rate, reached at the end of the warm-up. */
  readonly peak: number;
  /** Steps of linear rise. Default 0: start at the peak. */
  readonly warmupSteps?: number;
  /** Steps of the whole run, warm-up included. */
  readonly totalSteps: number;
  /** The rate from `totalSteps` on. Default 0. */
  readonly final?: number;
}

/** The same rate at each step. */
export function constant(learningRate: number): Schedule {
  return () => learningRate;
}

/**
 * Linear rise, then linear decay (T2I-R1 uses it without warm-up). Step s of the rise has `peak · (s + 1) / warmupSteps`,
 * so that no step is wasted at rate 0.
 * @throws BicotError `value` for options out of range
 */
export function warmupLinear(options: WarmupOptions): Schedule {
  return warmup('warmupLinear', options, (progress) => 1 - progress);
}

/**
 * Linear rise, then half a cosine (Loshchilov & Hutter, "SGDR", 2017, equation 5, without restarts).
 * @throws BicotError `value` for options out of range
 */
export function warmupCosine(options: WarmupOptions): Schedule {
  return warmup('warmupCosine', options, (progress) => (1 + Math.cos(Math.PI * progress)) / 2);
}

/** @param shape from 1 at progress 0 to 0 at progress 1 */
function warmup(name: string, options: WarmupOptions, shape: (progress: number) => number): Schedule {
  const { peak, warmupSteps = 0, totalSteps, final = 0 } = options;
  const sound =
    peak >= 0 && final >= 0 && Number.isFinite(peak + final) && warmupSteps >= 0 && totalSteps > warmupSteps;
  if (!sound) {
    throw new BicotError(
      'value',
      `${name}: peak ${peak}, final ${final}, warmupSteps ${warmupSteps}, totalSteps ${totalSteps}; rates must be finite and 0 or more, and totalSteps larger than warmupSteps.`,
    );
  }
  return (step) => {
    if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / (totalSteps - warmupSteps));
    return final + (peak - final) * shape(progress);
  };
}
