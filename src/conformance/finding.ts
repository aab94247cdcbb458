/**
 * How much a finding matters. `error`: the contract is broken, training would go wrong. `warning`: allowed, but
 * probably not meant. `note`: worth knowing, or not measured. `ok`: as it should be.
 */
export type FindingLevel = 'ok' | 'note' | 'warning' | 'error';

/** What one check found. */
export interface Finding {
  /** What was checked, e.g. `batch invariance`. */
  readonly check: string;
  /** False for an `error` only. */
  readonly passed: boolean;
  readonly level: FindingLevel;
  /** What was measured, and what is allowed. */
  readonly detail: string;
  /** What to do about it; with every error and warning. */
  readonly suggestion?: string;
}

/** What a conformance check found. */
export interface ConformanceReport<F extends Finding = Finding> {
  /** Whether no check found an error. */
  readonly passed: boolean;
  readonly checks: readonly F[];
}

/** A finding before it has its check's name. */
export type Measured = Pick<Finding, 'level' | 'detail' | 'suggestion'>;

/** As it should be. */
export const ok = (detail: string): Measured => ({ level: 'ok', detail });
/** Worth knowing. */
export const note = (detail: string): Measured => ({ level: 'note', detail });
/** Probably not meant. Without a suggestion of its own it gets the check's. */
export const warning = (detail: string, suggestion?: string): Measured => ({
  level: 'warning',
  detail,
  ...(suggestion !== undefined && { suggestion }),
});
/** A broken contract. Without a suggestion of its own it gets the check's. */
export const error = (detail: string, suggestion?: string): Measured => ({
  level: 'error',
  detail,
  ...(suggestion !== undefined && { suggestion }),
});

/** Findings as a report. */
export function reportOf<F extends Finding>(checks: readonly F[]): ConformanceReport<F> {
  return { passed: checks.every(({ passed }) => passed), checks };
}
