import type { RunStats } from '../wire/protocol.js';
import { throughput } from './throughput.js';

/** What was done, and what was done again. */
export interface Tally {
  /** A job is given out again, or to one more. */
  again(why: string): void;
  /** A result counts. */
  done(units: number): void;
  totals(): Pick<RunStats, 'done' | 'redone' | 'unitsPerSecond'>;
}

/** Begins to count. */
export function tally(): Tally {
  const redone: Record<string, number> = {};
  const speed = throughput();
  let done = 0;
  return {
    again(why) {
      redone[why] = (redone[why] ?? 0) + 1;
    },
    done(units) {
      done++;
      speed.add(units);
    },
    totals: () => ({ done, redone: { ...redone }, unitsPerSecond: speed.unitsPerSecond() }),
  };
}
