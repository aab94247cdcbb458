import type { TrainStep } from './step.js';

/**
 * Told of every step when it is made, before the caller of `train` is; training waits for it. One function, so that
 * any service is a few lines: `({ metrics }) => run.log(metrics)`.
 * @throws what it throws ends the training, with the step's update made
 */
export type Logger<P = unknown, C = unknown> = (step: TrainStep<P, C>) => void | Promise<void>;
