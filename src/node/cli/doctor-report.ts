import type { BackendCheck, BackendReport } from '../../conformance/backend/check-backend.js';
import { formatReport } from '../../conformance/format-report.js';
import type { BackendName } from '../backend.js';

/** What `bicot doctor` found. */
export interface DoctorResult {
  /** Of the day, as in 2026-01-31. */
  readonly date: string;
  readonly name: BackendName;
  /** What ran, in words. */
  readonly description: string;
  /** Machine and versions. */
  readonly facts: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly report: BackendReport;
}

/** The checks of one kind, summed up. */
export interface KindSummary {
  readonly kind: BackendCheck['kind'];
  readonly right: number;
  readonly skipped: number;
  readonly warnings: number;
  readonly wrong: number;
  /** The check that came nearest to its tolerance, or went beyond. */
  readonly worst: BackendCheck | undefined;
}

const shareOf = ({ error, tolerance }: BackendCheck): number =>
  error === null ? Number.NEGATIVE_INFINITY : error === 0 ? 0 : error / tolerance;

/** A report by kind, in the order of the checks. */
export function summarize({ checks }: Pick<BackendReport, 'checks'>): KindSummary[] {
  const kinds = [...new Set(checks.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const own = checks.filter((check) => check.kind === kind);
    const count = (holds: (check: BackendCheck) => boolean): number => own.filter(holds).length;
    const measured = own.filter(({ error, level }) => error !== null && level !== 'warning');
    return {
      kind,
      right: count(({ level }) => level === 'ok'),
      skipped: count(({ skipped }) => skipped !== undefined),
      warnings: count(({ level }) => level === 'warning'),
      wrong: count(({ level }) => level === 'error'),
      worst: measured.reduce<BackendCheck | undefined>(
        (worst, check) => (worst === undefined || shareOf(check) > shareOf(worst) ? check : worst),
        undefined,
      ),
    };
  });
}

const columns = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, c) => (c === row.length - 1 ? cell : cell.padEnd(widths[c] as number))).join('  '),
    )
    .join('\n');
};

/**
 * The results to read: a line a kind, then what is wrong and what to do.
 * @param all every check, instead of what is not as it should be
 */
export function doctorTable({ report, seconds }: DoctorResult, all: boolean): string {
  const rows = summarize(report).map(({ kind, right, skipped, warnings, wrong, worst }) => [
    kind,
    ...[right, skipped, warnings, wrong].map(String),
    worst ? `${worst.detail.split(':')[0]}, ${worst.check}` : '',
  ]);
  const table = columns([['kind', 'right', 'skipped', 'warnings', 'wrong', 'nearest to its limit'], ...rows]);
  const shown = all
    ? report.checks
    : report.checks.filter(({ level }) => level === 'warning' || level === 'error');
  const [, ...lines] = formatReport({ ...report, checks: shown }).split('\n');
  const skipped = [...new Set(report.checks.flatMap(({ skipped }) => skipped ?? []))];
  const total = `${report.checks.length} check${report.checks.length === 1 ? '' : 's'}`;
  const verdict = report.passed
    ? `This backend computes what bicot needs of it: ${total} in ${seconds} s.`
    : `This backend does not compute what bicot needs of it: ${report.checks.filter(({ passed }) => !passed).length} of ${total} are wrong.`;
  return [
    table,
    ...(shown.length > 0 ? [...lines, ''] : ['']),
    ...skipped.map((reason) => `Skipped: ${reason}.`),
    verdict,
  ].join('\n');
}

/** The results as JSON, a check a line. */
export function encodeDoctorResult({ report, ...rest }: DoctorResult): string {
  const { checks, ...head } = report;
  const lines = checks.map((check) => `    ${JSON.stringify(check)}`).join(',\n');
  const text = JSON.stringify({ ...rest, report: { ...head, checks: '@' } }, null, 2);
  return `${text.replace('"@"', () => `[\n${lines}\n  ]`)}\n`;
}
