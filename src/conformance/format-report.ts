import type { ConformanceReport, Finding, FindingLevel } from './finding.js';
import type { PolicyReport } from './policy/check-policy.js';
import type { RewardReport } from './reward/check-reward.js';

const SYMBOLS: Readonly<Record<FindingLevel, string>> = { ok: '✓', note: '·', warning: '!', error: '✗' };

/** A finding that says which space or which member of an ensemble it is about. */
type Placed = Finding & { readonly space?: string; readonly member?: string };

/**
 * A report of `checkPolicy` or `checkReward` as text to read: a verdict, then one line a check (`✓` as it should
 * be, `·` worth knowing, `!` probably not meant, `✗` broken) with what to do on the line below.
 */
export function formatReport(report: PolicyReport | RewardReport): string {
  const checks: readonly Placed[] = report.checks;
  const rows = checks.map((finding) => ({ finding, place: finding.space ?? finding.member ?? '' }));
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
