import type { Skipped } from '../hosts/protocol.js';
import { median, type Timing } from '../measure.js';
import type { Circumstances, Comparison, Growth, Result } from '../results.js';

/** Three digits are as many as timings have. */
const number = (value: number): string => {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
};

/** When and where, and how busy the machine was: one line. */
export function circumstancesLine({ date, cpu, cores, load, versions, rounds }: Circumstances): string {
  const [before, after] = load;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const busy = `load average ${before} before, ${after} after`;
  return `${date} UTC, ${cores} × ${cpu}, ${named.join(', ')}, ${busy}; medians of ${rounds} interleaved rounds.`;
}

/** All tables of a benchmark, and what was not run. */
export function resultTables(result: Result): string {
  const tables = result.comparisons.map((comparison) => comparisonTable(comparison));
  const grown = result.growth ? [growthTable(result.growth)] : [];
  return [...tables, ...grown, ...skippedLines(result.skipped)].join('\n\n');
}

function skippedLines(skipped: readonly Skipped[]): string[] {
  if (skipped.length === 0) return [];
  const lines = new Set(skipped.map(({ name, reason }) => `- Not run: ${name} (${reason}).`));
  return [[...lines].join('\n')];
}

/** PyTorch is measured with several numbers of threads; the better one stands for it. */
function withBestTorch(variants: readonly Timing[]): Timing[] {
  const torch = variants.filter(({ name }) => name.startsWith('PyTorch'));
  const best = torch.reduce<Timing | undefined>(
    (least, each) => (least && median(least.rounds) <= median(each.rounds) ? least : each),
    undefined,
  );
  return variants.filter((variant) => !torch.includes(variant) || variant === best);
}

/** One row a variant; the ratio is the first variant's median over its own. */
export function comparisonTable({ title, unit, variants, flops, limits = [] }: Comparison): string {
  const rows = withBestTorch(variants);
  const [first] = rows;
  if (!first) return title;
  const counted = rows.some((row) => row.flops !== undefined) || flops !== undefined;
  const head = [title, unit, 'fastest–slowest', unit === 'ms' ? 'times as fast' : 'times as little'];
  if (counted) head.push('GFLOPS');
  const lines = rows.map((row, i) => {
    const own = median(row.rounds);
    const range = `${number(Math.min(...row.rounds))}–${number(Math.max(...row.rounds))}`;
    const ratio = i === 0 ? '1' : `**${number(median(first.rounds) / own)}**`;
    const operations = row.flops ?? flops;
    const speed = operations === undefined ? [] : [number(operations / own / 1e6)];
    return [row.name, number(own), range, ratio, ...(counted ? speed : [])];
  });
  return [markdownTable([head, ...lines]), ...limitLines(flops, limits)].join('\n\n');
}

/** How long the products alone would take. */
function limitLines(flops: number | undefined, limits: Required<Comparison>['limits']): string[] {
  if (flops === undefined || limits.length === 0) return [];
  const times = limits.map(
    ({ name, gflops }) => `${number(flops / gflops / 1e6)} ms at the ${number(gflops)} GFLOPS of ${name}`,
  );
  return [`The ${number(flops / 1e9)} GFLOP of its matrix products alone would take ${times.join(', ')}.`];
}

/** How much more than in proportion a thing costs, from the middle of its points. */
function growthTable(growth: readonly Growth[]): string {
  const head = ['what grows', 'of', 'ms', 'against in proportion'];
  const lines = growth.map(({ axis, task, points }) => {
    const values = points.map(({ value, rounds }) => `${value}: ${number(median(rounds))}`);
    return [axis, task, values.join(', '), proportions(axis, points)];
  });
  return markdownTable([head, ...lines]);
}

/** Cost over what it would be if it grew with the value; for workers, if it shrank with them. */
function proportions(axis: string, points: Growth['points']): string {
  const base = points[axis === 'workers' ? 0 : 1] ?? points[0];
  if (!base) return '';
  return points
    .map(({ value, rounds }) => {
      const factor = axis === 'workers' ? base.value / value : value / base.value;
      return `${value}: ${number(median(rounds) / median(base.rounds) / factor)}`;
    })
    .join(', ');
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
