import { type Finding, formatFindings } from '../train/findings.js';

/** What the doctor looks at, in this order: later rungs rest on earlier ones. */
export type RungName =
  | 'determinism'
  | 'mask'
  | 'ratio'
  | 'guidance'
  | 'rewards'
  | 'reference'
  | 'gradients'
  | 'learning';

/** The order of the rungs. */
export const RUNGS: readonly RungName[] = [
  'determinism',
  'mask',
  'ratio',
  'guidance',
  'rewards',
  'reference',
  'gradients',
  'learning',
];

/** One rung of the ladder. */
export interface Rung {
  /** What was looked at. */
  readonly rung: RungName;
  /** False if something was found, and if it could not be looked at. */
  readonly passed: boolean;
  /** What was measured. */
  readonly evidence: string;
  /** True if it was not looked at: left out on request (then it passes), or something it needs is missing. */
  readonly skipped: boolean;
}

/** What a rung says when it was looked at. */
export interface Outcome {
  readonly passed: boolean;
  readonly evidence: string;
  readonly findings: readonly Finding[];
  readonly skipped?: boolean;
}

/** What the doctor says about a training run that has not begun. */
export interface DoctorReport {
  /** No errors and no warnings; notes are allowed. */
  readonly healthy: boolean;
  /** In the order of the rungs. */
  readonly findings: readonly Finding[];
  /** The whole ladder, from the first rung, also what was not looked at. */
  readonly rungs: readonly Rung[];
}

/** A rung passes unless it has an error or a warning. */
export function outcome(evidence: string, findings: readonly Finding[] = []): Outcome {
  return { passed: findings.every(({ severity }) => severity === 'note'), evidence, findings };
}

/** A rung that could not be looked at, without a finding of its own. */
export function notRun(reason: string): Outcome {
  return { passed: false, evidence: `not run: ${reason}`, findings: [], skipped: true };
}

/** A rung that is not to be looked at. */
export function leftOut(reason: string): Outcome {
  return { ...notRun(reason), passed: true };
}

/** The report as text for a terminal. */
export function formatDoctorReport({ healthy, findings, rungs }: DoctorReport): string {
  const width = Math.max(...rungs.map(({ rung }) => rung.length));
  const ladder = rungs.map(
    ({ rung, passed, evidence, skipped }) =>
      `${skipped ? '–   ' : passed ? 'ok  ' : 'FAIL'} ${rung.padEnd(width)}  ${evidence}`,
  );
  const told = findings.length > 0 ? [formatFindings(findings), ''] : [];
  return [...ladder, '', ...told, verdict({ healthy, findings, rungs })].join('\n');
}

function verdict({ healthy, findings, rungs }: DoctorReport): string {
  if (!healthy) {
    const counts = (['error', 'warning'] as const)
      .map((kind) => ({ kind, count: findings.filter(({ severity }) => severity === kind).length }))
      .filter(({ count }) => count > 0)
      .map(({ kind, count }) => `${count} ${kind}${count === 1 ? '' : 's'}`);
    return `Not healthy (${counts.join(', ')}): mend this before you train.`;
  }
  const open = rungs.filter(({ skipped }) => skipped).map(({ rung }) => rung);
  return open.length > 0
    ? `Healthy as far as was looked at (not run: ${open.join(', ')}): ready to train.`
    : 'Healthy: ready to train.';
}
