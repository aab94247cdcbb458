import type { StepSeconds } from './metrics.js';

/** The parts of a step. */
export type Phase = Exclude<keyof StepSeconds, 'total'>;

/** Wall time by phase. */
export interface PhaseClock {
  /** Ends the phase before, if any. */
  enter(phase: Phase): void;
  /** Ends the last phase. */
  stop(): StepSeconds;
}

/** A clock that starts now. */
export function phaseClock(): PhaseClock {
  const seconds = { rollout: 0, reward: 0, reference: 0, update: 0 };
  const start = performance.now();
  let since = start;
  let current: Phase | undefined;
  const close = (now: number): void => {
    if (current) seconds[current] += (now - since) / 1000;
    since = now;
  };
  return {
    enter(phase) {
      close(performance.now());
      current = phase;
    },
    stop() {
      const now = performance.now();
      close(now);
      return { total: (now - start) / 1000, ...seconds };
    },
  };
}
