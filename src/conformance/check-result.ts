/**
 * How much a finding matters. `error`: the contract is broken, training would go wrong. `warning`: allowed, but
 * probably not meant. `note`: worth knowing, or not measured. `ok`: as it should be.
 */
export type CheckLevel = 'ok' | 'note' | 'warning' | 'error';

/** What one check found. */
export interface CheckResult {
  /** What was checked, e.g. `batch invariance`. */
  readonly check: string;
  /** False for an `error` only. */
  readonly passed: boolean;
  /** How much it matters; `ok` where all is as it should be. */
  readonly level: CheckLevel;
  /** What was measured, and what is allowed. */
  readonly detail: string;
  /** What to do about it; with every error and warning. */
  readonly suggestion?: string;
}

/** What a conformance check found. */
export interface ConformanceReport<F extends CheckResult = CheckResult> {
  /** Whether no check found an error. */
  readonly passed: boolean;
  /** In the order in which they ran; what is as it should be is among them. */
  readonly checks: readonly F[];
}

/** A finding before it has its check's name. */
export type Measured = Pick<CheckResult, 'level' | 'detail' | 'suggestion'>;

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
export function reportOf<F extends CheckResult>(checks: readonly F[]): ConformanceReport<F> {
  return { passed: checks.every(({ passed }) => passed), checks };
}
