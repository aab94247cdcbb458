import type { BackendReport } from './backend/check-backend.js';
import type { CheckLevel, CheckResult, ConformanceReport } from './check-result.js';
import type { PolicyReport } from './policy/check-policy.js';
import type { RewardReport } from './reward/check-reward.js';

const SYMBOLS: Readonly<Record<CheckLevel, string>> = { ok: '✓', note: '·', warning: '!', error: '✗' };

/** A finding that says which space, which member of an ensemble or which kind of computation it is about. */
type Placed = CheckResult & { readonly space?: string; readonly member?: string; readonly kind?: string };

/**
 * A report of `checkPolicy`, `checkReward` or `checkBackend` as text to read: a verdict, then one line a check (`✓` as it should
 * be, `·` worth knowing, `!` probably not meant, `✗` broken) with what to do on the line below.
 */
export function formatReport(report: PolicyReport | RewardReport | BackendReport): string {
  const checks: readonly Placed[] = report.checks;
  const rows = checks.map((finding) => ({
    finding,
    place: finding.space ?? finding.member ?? finding.kind ?? '',
  }));
  const names = widest(checks.map(({ check }) => check));
  const places = widest(rows.map(({ place }) => place));
  const indent = ' '.repeat(2 + names + 2 + (places > 0 ? places + 2 : 0));
  const lines = rows.flatMap(({ finding, place }) => {
    const { check, level, detail, suggestion } = finding;
    const where = places > 0 ? `${place.padEnd(places)}  ` : '';
    const line = `${SYMBOLS[level]} ${check.padEnd(names)}  ${where}${detail.replaceAll('\n', `\n${indent}`)}`;
    return suggestion === undefined ? [line] : [line, `${indent}→ ${suggestion}`];
  });
  return [verdict(report), '', ...lines].join('\n');
}

function verdict({ passed, checks }: ConformanceReport): string {
  const errors = checks.filter(({ level }) => level === 'error').length;
  const warnings = checks.filter(({ level }) => level === 'warning').length;
  const outcome = passed
    ? `passed: ${counted(checks.length, 'check')}`
    : `failed: ${errors} of ${counted(checks.length, 'check')}`;
  return warnings > 0 ? `${outcome}, ${counted(warnings, 'warning')}` : outcome;
}

const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map(({ length }) => length));

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
