import type { EvaluationComparison } from './compare.js';
import type { EvaluationSummary } from './summarize.js';

/** How numbers are written. */
export interface FormatOptions {
  /** What scores are multiplied with, such as 100 for percent. Default 1. */
  readonly scale?: number;
  /** Digits behind the point; default 3. */
  readonly digits?: number;
}

/** A summary as a table in Markdown that is also aligned as text, and its notes below. */
export function formatSummary({ rows, confidence }: EvaluationSummary, options: FormatOptions = {}): string {
  const { number, range } = writers(options);
  return withNotes(
    ['measure', 'prompts of', 'mean', intervalName(confidence), 'prompts', 'samples', 'abstained', 'failed'],
    rows.map((row) => [
      row.measure,
      row.type ?? 'all',
      number(row.mean),
      range(row),
      ...[row.prompts, row.samples, row.abstained, row.failed].map(String),
    ]),
    rows.map(({ note, failureReason }) => [note, failureReason].filter(Boolean).join('; ')),
  );
}

/** A comparison as a table in Markdown that is also aligned as text, and its notes below. */
export function formatComparison(
  { rows, confidence }: EvaluationComparison,
  options: FormatOptions = {},
): string {
  const { number, signed, range } = writers(options);
  return withNotes(
    [
      ...['measure', 'prompts of', 'a', 'b', 'b − a', intervalName(confidence), 'p', 'p (Holm)'],
      ...['wins/ties/losses', 'prompts', 'pairs', 'unpaired'],
    ],
    rows.map((row) => [
      ...[row.measure, row.type ?? 'all', number(row.a), number(row.b), signed(row.difference), range(row)],
      ...[probability(row.p), row.type === null ? '' : probability(row.pHolm)],
      `${row.wins}/${row.ties}/${row.losses}`,
      ...[row.prompts, row.pairs, row.unpaired].map(String),
    ]),
    rows.map(({ note = '' }) => note),
  );
}

const intervalName = (confidence: number): string => `${Number((100 * confidence).toFixed(3))} % interval`;

const probability = (p: number): string => (Number.isNaN(p) ? '–' : p.toFixed(4));

interface Writers {
  readonly number: (value: number) => string;
  readonly signed: (value: number) => string;
  readonly range: (ends: { readonly low: number; readonly high: number }) => string;
}

function writers({ scale = 1, digits = 3 }: FormatOptions): Writers {
  const number = (value: number): string => (Number.isNaN(value) ? '–' : (scale * value).toFixed(digits));
  return {
    number,
    signed: (value) => (value > 0 ? `+${number(value)}` : number(value)),
    range: ({ low, high }) => (Number.isNaN(low) ? '–' : `${number(low)} to ${number(high)}`),
  };
}

/** Two columns of words, the others flush right; a note names its row by these two. */
function withNotes(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  notes: readonly string[],
): string {
  const widths = head.map((title, i) =>
    Math.max(3, title.length, ...rows.map((row) => (row[i] as string).length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const said = rows.flatMap(([measure, type], i) => (notes[i] ? [`${measure}, ${type}: ${notes[i]}.`] : []));
  return [
    ...[line(head), line(rule), ...rows.map(line)],
    ...(said.length > 0 ? ['', ...said.map((note) => `- ${note}`)] : []),
  ].join('\n');
}
