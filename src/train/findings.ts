/**
 * What the training monitor and the doctor can find; stable across versions. docs/doctor.md says what each one
 * means and what to do.
 */
export type FindingCode =
  // What is trained is not what was sampled.
  | 'dropout'
  | 'wrong-mask'
  | 'ratio-not-one'
  | 'temperature-mismatch'
  | 'guidance-mismatch'
  | 'padding-leak'
  | 'batch-leak'
  | 'truncation-not-recorded'
  // Rewards.
  | 'flat-groups'
  | 'dominating-reward'
  | 'correlated-rewards'
  | 'reward-failures'
  | 'reward-abstentions'
  | 'reward-hacking'
  // The reference and its pull.
  | 'stale-reference'
  | 'missing-reference'
  | 'kl-explosion'
  | 'kl-weight-too-large'
  // Gradients and learning.
  | 'frozen-level'
  | 'no-gradient'
  | 'gradient-explosion'
  | 'entropy-collapse'
  | 'not-learning'
  | 'non-finite'
  | 'cannot-run';

/** `error`: training is wrong. `warning`: it probably does not do what was meant. `note`: good to know. */
export type FindingSeverity = 'error' | 'warning' | 'note';

/** Something that was measured and that a person should look at. */
export interface Finding {
  /** Which one it is; docs/doctor.md explains each. */
  readonly code: FindingCode;
  /** How much it matters. */
  readonly severity: FindingSeverity;
  /** What is the matter, in plain language. */
  readonly message: string;
  /** What was measured, and what is allowed. */
  readonly evidence: string;
  /** What to do. */
  readonly suggestion: string;
  /** The level that it is about. */
  readonly level?: string;
  /** The reward that it is about. */
  readonly reward?: string;
  /** The training step that it was seen in. */
  readonly step?: number;
}

/** Findings as text for a terminal, in the order given; an empty list gives `No findings.` */
export function formatFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'No findings.';
  return findings.map(formatFinding).join('\n');
}

function formatFinding({ code, severity, message, evidence, suggestion, ...about }: Finding): string {
  const where = (['step', 'level', 'reward'] as const)
    .filter((key) => about[key] !== undefined)
    .map((key) => `${key} ${about[key]}`);
  const head = `${severity.toUpperCase()} ${code}${where.length > 0 ? ` (${where.join(', ')})` : ''}`;
  return `${head}: ${message}\n  measured: ${evidence}\n  to do: ${suggestion}`;
}

/** A number as people write it in a report: four digits. */
export function digits(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

/** A number as people read it in passing: three digits. */
export function rounded(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : String(value);
}

/** A share next to its limit: with as many decimals as it takes to tell them apart, up to three. */
export function percentBeside(share: number, limit: number): string {
  if (share === limit || percent(share) !== percent(limit)) return percent(share);
  const at = (value: number, decimals: number) => `${(100 * value).toFixed(decimals)} %`;
  const enough = [1, 2, 3].find((decimals) => at(share, decimals) !== at(limit, decimals)) ?? 3;
  return at(share, enough);
}

/** A share as people write it in a report: whole percents, and not 100 % for less than all. */
export function percent(share: number): string {
  const rounded = Math.round(100 * share);
  return `${rounded === 100 && share < 1 ? 'over 99' : rounded} %`;
}
