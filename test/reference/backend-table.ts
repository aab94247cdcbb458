/**
 * Writes the tables of `docs/backends.md`, between its marks, from the results in `test/engines/results/` and the demo's
 * evidence; `test/engines/page.test.ts` checks that they are what this writes.
 *
 *     npm run docs:backends                        # the page again
 *     npm run docs:backends -- --add FILE.json     # after `npx bicot doctor --backend NAME --json FILE.json`
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { EvidenceReport } from '../../examples/emoji/evidence-table.js';
import type { BackendCheckKind } from '../../src/conformance/backend/backend-case.js';
import type { DoctorResult } from '../../src/node/cli/doctor-report.js';
import { summarize } from '../../src/node/cli/doctor-report.js';

/** What a run of the doctor comes down to. */
interface EngineResult extends Pick<DoctorResult, 'date' | 'description' | 'facts'> {
  readonly passed: boolean;
  readonly kinds: readonly {
    readonly kind: BackendCheckKind;
    readonly right: number;
    readonly skipped: number;
    readonly wrong: number;
    /** Relative to its tolerance, the largest error. */
    readonly worst?: { readonly check: string; readonly error: number; readonly tolerance: number };
  }[];
  /** What bicot does not use and is wrong. */
  readonly warnings: readonly {
    readonly check: string;
    readonly detail: string;
    readonly suggestion?: string;
  }[];
}

/** Columns of the tables. An engine without results was not run. */
const ENGINES = {
  cpu: '`cpu`',
  wasm: '`wasm`',
  'webgpu-software': '`webgpu`, in software',
  webgpu: '`webgpu`, on a GPU',
  node: '`node`',
  'node-gpu': '`node-gpu`',
} as const;
type Engine = keyof typeof ENGINES;
const NAMES = Object.keys(ENGINES) as Engine[];

const FOLDER = new URL('../engines/results/', import.meta.url);
const PAGE = fileURLToPath(new URL('../../docs/backends.md', import.meta.url));

function condensed({ date, description, facts, report }: DoctorResult): EngineResult {
  return {
    ...{ date, description, facts, passed: report.passed },
    kinds: summarize(report).map(({ kind, right, skipped, wrong, worst }) => ({
      ...{ kind, right, skipped, wrong },
      ...(worst && {
        worst: { check: worst.check, error: worst.error as number, tolerance: worst.tolerance },
      }),
    })),
    warnings: report.checks
      .filter(({ level }) => level === 'warning')
      .map(({ check, detail, suggestion }) => ({
        check,
        detail,
        ...(suggestion !== undefined && { suggestion }),
      })),
  };
}

const software = /SwiftShader|llvmpipe|lavapipe/i;

/** Keeps a result under its engine's name. */
function add(file: string): void {
  const result = JSON.parse(readFileSync(file, 'utf8')) as DoctorResult;
  const engine =
    result.name === 'webgpu' && software.test(result.description) ? 'webgpu-software' : result.name;
  writeFileSync(new URL(`${engine}.json`, FOLDER), `${JSON.stringify(condensed(result), null, 1)}\n`);
}

/** The committed results by engine. */
export function engineResults(): Partial<Record<Engine, EngineResult>> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(
    files.map((name) => [
      name.replace('.json', ''),
      JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as EngineResult,
    ]),
  );
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const scientific = (value: number): string =>
  value === 0 ? '0' : value.toExponential(value === 1e-5 ? 0 : 1);

/** One line a kind of checks: right ones, and the error that came nearest to its limit. */
function checksTable(): string {
  const results = engineResults();
  const cellOf = (engine: Engine, cell: (result: EngineResult) => string): string => {
    const result = results[engine];
    return result ? cell(result) : 'not run';
  };
  const line = (title: string, cell: (result: EngineResult) => string): string =>
    row([title, ...NAMES.map((engine) => cellOf(engine, cell))]);
  const kinds = results.wasm?.kinds.map(({ kind }) => kind) ?? [];
  return [
    row(['', ...NAMES.map((engine) => ENGINES[engine])]),
    row(['---', ...NAMES.map(() => '---')]),
    line('verdict', ({ passed }) => (passed ? 'all right' : '**wrong**')),
    ...kinds.map((kind) =>
      line(kind, ({ kinds: own }) => {
        const found = own.find((each) => each.kind === kind);
        if (!found) return '–';
        const { right, skipped, wrong, worst } = found;
        const counts = [
          `${right} right`,
          skipped > 0 && `${skipped} skipped`,
          wrong > 0 && `**${wrong} wrong**`,
        ];
        const nearest = worst && `${scientific(worst.error)} of ${worst.tolerance.toExponential()}`;
        return [counts.filter(Boolean).join(', '), nearest].filter(Boolean).join('; ');
      }),
    ),
    line('run on', ({ date }) => date),
    line('with', ({ description, facts }) => {
      const { TensorFlow, Dawn } = facts;
      const versions = [
        `TensorFlow.js ${facts['TensorFlow.js']}`,
        TensorFlow && `TensorFlow ${TensorFlow}`,
        Dawn && `npm’s ${Dawn}`,
        `Node ${facts['Node.js']}`,
      ];
      return `${description}; ${versions.filter(Boolean).join(', ')}`;
    }),
  ].join('\n');
}

/** What is wrong without harm, by engine. */
function warningsList(): string {
  const results = engineResults();
  const lines = NAMES.flatMap((engine) =>
    (results[engine]?.warnings ?? []).map(
      ({ check, detail, suggestion }) =>
        `- ${ENGINES[engine]}: ${check}: ${detail.replace('; bicot does not use it', '')}. ${suggestion ?? ''}`,
    ),
  );
  return lines.length > 0 ? lines.join('\n') : 'None.';
}

/** The demo on wasm and on native TensorFlow, seed by seed. */
function demoTable(): string {
  const read = (name: string) =>
    JSON.parse(
      readFileSync(new URL(`../../examples/emoji/${name}`, import.meta.url), 'utf8'),
    ) as EvidenceReport;
  const [wasm, node] = [read('evidence.json'), read('evidence-node.json')];
  const of = ({ runs }: EvidenceReport, seed: number) =>
    runs.find((run) => run.seed === seed && !run.shuffled);
  const seeds = node.runs.map(({ seed }) => seed);
  const mean = (report: EvidenceReport): string => {
    const values = seeds.map((seed) => of(report, seed)?.heldOutJudge.after ?? Number.NaN);
    return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(1);
  };
  return [
    row(['seed', 'judge before', 'after, wasm', 'after, node', 'KL, wasm', 'KL, node']),
    row(Array.from({ length: 6 }, () => '---')),
    ...seeds.map((seed) => {
      const [a, b] = [of(wasm, seed), of(node, seed)];
      if (!a || !b) throw new Error(`There is no run of seed ${seed} on both engines.`);
      if (a.heldOutJudge.before !== b.heldOutJudge.before)
        throw new Error(`Seed ${seed} begins at two values.`);
      return row([
        String(seed),
        a.heldOutJudge.before.toFixed(1),
        ...[a, b].map(({ heldOutJudge }) => heldOutJudge.after.toFixed(1)),
        ...[a, b].map(({ klToBase }) => klToBase.toFixed(3)),
      ]);
    }),
    row(['mean', '', mean(wasm), mean(node), '', '']),
  ].join('\n');
}

const MARKS = { checks: checksTable, warnings: warningsList, demo: demoTable };

/** A page with its marked parts as the results give them. */
export function withResults(page: string): string {
  return Object.entries(MARKS).reduce((text, [name, part]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [before, rest] = text.split(begin) as [string, string | undefined];
    const after = rest?.split(end)[1];
    if (after === undefined) throw new Error(`The page has no marks ${begin} and ${end}.`);
    return `${before}${begin}\n${part()}\n${end}${after}`;
  }, page);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { add: { type: 'string', multiple: true } } });
  for (const file of values.add ?? []) add(file);
  writeFileSync(PAGE, withResults(readFileSync(PAGE, 'utf8')));
}
