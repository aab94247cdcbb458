import { reasonOf } from '../errors.js';
import { type CheckResult, error, type Measured, note } from './check-result.js';

/** One property, how to measure it, and what to do if it does not hold. */
export interface Check<Subject> {
  readonly check: string;
  /**
   * Checks without which this one would measure their fault again: if one of them found an error, this one is
   * not measured, so that a report shows causes and not their consequences.
   */
  readonly needs?: readonly string[];
  /** What to do about an error or a warning that does not bring its own suggestion. */
  readonly suggestion?: string;
  /** A thrown error is a finding of level `error`. */
  readonly measure: (subject: Subject) => Promise<Measured> | Measured;
}

/**
 * Runs checks in order.
 * @param causes checks that did not pass and the check that is the cause; added to, so that several runs can share it
 * @returns one finding per check
 */
export async function runChecks<Subject>(
  checks: readonly Check<Subject>[],
  subject: Subject,
  causes: Map<string, string> = new Map(),
): Promise<CheckResult[]> {
  const findings: CheckResult[] = [];
  for (const { check, needs = [], suggestion, measure } of checks) {
    const cause = needs.map((need) => causes.get(need)).find((found) => found !== undefined);
    if (cause !== undefined) {
      causes.set(check, cause);
      findings.push({ check, passed: true, ...note(`not measured until "${cause}" passes`) });
      continue;
    }
    const measured = await attempt(() => measure(subject));
    const passed = measured.level !== 'error';
    if (!passed) causes.set(check, check);
    const advised = suggestion !== undefined && (!passed || measured.level === 'warning');
    findings.push({ check, passed, ...(advised && { suggestion }), ...measured });
  }
  return findings;
}

async function attempt(measure: () => Promise<Measured> | Measured): Promise<Measured> {
  try {
    return await measure();
  } catch (thrown) {
    return error(`threw: ${reasonOf(thrown)}`);
  }
}
