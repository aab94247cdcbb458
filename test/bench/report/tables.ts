import type { Skipped } from '../hosts/protocol.js';
import { median, type Timing } from '../measure.js';
import type { Circumstances, Comparison, Growth, Result } from '../results.js';

/** Three digits are as many as timings have. */
const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** When and where, and how busy the machine was: one line. */
export function circumstancesLine({ date, cpu, cores, load, versions, rounds }: Circumstances): string {
  const [before, after] = load;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const busy = `load average ${before} before, ${after} after`;
  return `${date} UTC, ${cores} × ${cpu}, ${named.join(', ')}, ${busy}; medians of ${rounds} interleaved rounds.`;
}

/** The tables of a benchmark, and what was not run. */
export function resultTables({ comparisons, growth, skipped }: Result): string {
  const parts = [
    ...(['ms', 'MB'] as const).flatMap((unit) => comparisonTables(comparisons, unit)),
    ...(growth ? [growthTable(growth)] : []),
    ...comparisons.flatMap(limitLines),
    ...skippedLines(skipped),
  ];
  return parts.join('\n\n');
}

/** One line a reason. */
function skippedLines(skipped: readonly Skipped[]): string[] {
  const byReason = new Map<string, Set<string>>();
  for (const { name, reason } of skipped) {
    byReason.set(reason, (byReason.get(reason) ?? new Set()).add(name));
  }
  return [...byReason].map(([reason, names]) => `Not run (${reason}): ${[...names].join('; ')}.`);
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

/** One row a variant; the ratio is the first variant's median over its own. Nothing where nothing is of this unit. */
function comparisonTables(all: readonly Comparison[], unit: Comparison['unit']): string[] {
  const comparisons = all.filter((comparison) => comparison.unit === unit);
  if (comparisons.length === 0) return [];
  const counted = comparisons.some(
    ({ flops, variants }) => flops !== undefined || variants.some((variant) => variant.flops !== undefined),
  );
  const isFloor = comparisons[0]?.first === 'floor';
  const ratio = isFloor ? 'times as much' : unit === 'ms' ? 'times as fast' : 'times as little';
  const head = ['what', 'variant', unit, 'fastest–slowest', ratio, ...(counted ? ['GFLOPS'] : [])];
  return [markdownTable([head, ...comparisons.flatMap((comparison) => comparisonRows(comparison, counted))])];
}

function comparisonRows({ title, variants, flops, first: kind }: Comparison, counted: boolean): string[][] {
  const rows = withBestTorch(variants);
  const first = median(rows[0]?.rounds ?? []);
  return rows.map((row, i) => {
    const own = median(row.rounds);
    const range = `${number(Math.min(...row.rounds))}–${number(Math.max(...row.rounds))}`;
    const operations = row.flops ?? flops;
    const speed = operations === undefined ? '' : number(operations / own / 1e6);
    const cells = [i === 0 ? title : '', row.name, number(own), range];
    const against = kind === 'floor' ? own / first : first / own;
    return [...cells, i === 0 ? '1' : `**${number(against)}**`, ...(counted ? [speed] : [])];
  });
}

/** How long the products alone would take. */
function limitLines({ title, flops, limits = [] }: Comparison): string[] {
  if (flops === undefined || limits.length === 0) return [];
  const times = limits.map(
    ({ name, gflops }) => `${number(flops / gflops / 1e6)} ms at the ${number(gflops)} GFLOPS of ${name}`,
  );
  return [`${title}: its ${number(flops / 1e9)} GFLOP of products alone would take ${times.join(', ')}.`];
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

/** Cost over what it would be if it grew with the value; for workers, if it shrank; for processes, if it stayed. */
function proportions(axis: string, points: Growth['points']): string {
  const base = points[axis === 'workers' || axis === 'processes' ? 0 : 1] ?? points[0];
  if (!base) return '';
  return points
    .map(({ value, rounds }) => {
      const times = value / base.value;
      const expected = axis === 'processes' ? 1 : axis === 'workers' ? 1 / times : times;
      return `${value}: ${number(median(rounds) / median(base.rounds) / expected)}`;
    })
    .join(', ');
}

function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
