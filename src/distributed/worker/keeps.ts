/** What decides how many jobs a worker takes at once. */
export interface KeepsInput {
  /** Tasks that wait or are under way, for each worker of the fleet. */
  readonly backlog: number;
  /** Of a job: to fetch what it needs and to send what it gives. */
  readonly transferSeconds: number;
  /** Of a job. */
  readonly computeSeconds: number;
}

/** No worker takes more. */
const MOST = 4;

/**
 * One computes while the others travel: as many as hide the transfer, but never so many that another worker would go
 * without. It decides when something is done, never what.
 */
export function keepsOf({ backlog, transferSeconds, computeSeconds }: KeepsInput): number {
  // A result is sent only after the next job, where computing blocks: little to hide is not worth that.
  if (!(computeSeconds > 0) || !(transferSeconds > 0.05 * computeSeconds)) return 1;
  const hiding = 1 + Math.ceil(transferSeconds / computeSeconds);
  return Math.max(1, Math.min(MOST, hiding, Math.floor(backlog)));
}
