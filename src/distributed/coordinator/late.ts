import type { WorkerInfo } from '../wire/protocol.js';
import type { Work } from './work.js';

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

/**
 * Whether an idle worker should do a job too that another has.
 * @param elapsed seconds since that took it
 * @param jobs all that are in the queue, with their tasks
 * @param working workers that take jobs of the kind
 */
export function wantsSecond(
  work: Work,
  jobId: string,
  {
    elapsed,
    jobs,
    working,
  }: {
    readonly elapsed: number;
    readonly jobs: readonly (readonly [jobId: string, work: Work])[];
    readonly working: readonly WorkerInfo[];
  },
): boolean {
  if (work.jobs.size > 1) return false;
  const holderOf = ([id, { jobs: own }]: readonly [string, Work]) => own.get(id)?.taken?.by;
  // An idle worker takes the one that waits.
  if (jobs.some((job) => job[1].kind === work.kind && holderOf(job) === undefined)) return false;
  const busy = new Set(jobs.map(holderOf));
  const holder = work.jobs.get(jobId)?.taken?.by;
  return isLate({
    elapsed,
    units: work.data.units,
    speed: working.find(({ id }) => id === holder)?.speed[work.kind],
    idle: working.filter(({ id }) => !busy.has(id)).map(({ speed }) => speed[work.kind]),
  });
}
