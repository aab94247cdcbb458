/** A job that some worker has, and what is known of speeds. */
export interface LateInput {
  /** Since the worker took it. */
  readonly elapsed: number;
  /** Rows of the job. */
  readonly units: number;
  /** Of the worker that has it, rows a second; undefined before its first job. */
  readonly speed: number | undefined;
  /** Of workers that have nothing to do. */
  readonly idle: readonly (number | undefined)[];
}

/** Nothing is late before that, in seconds. */
const PATIENCE = 2;

/**
 * Whether an idle worker would be done with a job before the one that has it, which takes three times as long as it should. The
 * first result counts, and both are the same.
 */
export function isLate({ elapsed, units, speed, idle }: LateInput): boolean {
  const known = idle.filter((one) => one !== undefined && one > 0) as number[];
  if (known.length === 0) return false;
  const there = units / Math.max(...known);
  const here = speed === undefined || !(speed > 0) ? there : units / speed;
  return elapsed > Math.max(PATIENCE, 3 * here) + there;
}
