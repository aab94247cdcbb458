import { resultTables } from '../../bench/report/tables.js';
import { PHASES } from '../janus/protocol.js';
import type {
  CheckEntry,
  DemoEntry,
  Entry,
  GpuResults,
  JanusEntry,
  JanusProgram,
  Machine,
  PolicyEntry,
} from '../results.js';

/** Three digits are as many as timings have. */
const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const gigabytes = (bytes: number): string => `${number(bytes / 1e9)} GB`;

/** A table of Markdown; the first row is its head. */
export function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

/** All of a file, in Markdown. */
export function writtenResults({ machine, entries }: GpuResults): string {
  const of = <P extends Entry['part']>(part: P) =>
    entries.filter((entry): entry is Extract<Entry, { part: P }> => entry.part === part);
  const sections = [
    section('Conformance', of('check'), checkTable),
    section('Small policies', of('policy'), policyTables),
    section('The demo', of('demo'), demoTable),
    section('A step of a policy of the shape of Janus', of('janus'), janusTables),
  ];
  return [machineLines(machine), ...sections.flat()].join('\n\n');
}

function machineLines({
  nvidia,
  webgpu,
  cpu,
  cores,
  memoryGigabytes,
  system,
  versions,
  commit,
}: Machine): string {
  const gpu = nvidia
    ? `${nvidia.name}, ${nvidia.memoryMegabytes} MiB, driver ${nvidia.driver}`
    : 'none that nvidia-smi knows';
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `- GPU: ${gpu}`,
    `- WebGPU adapter: ${webgpu}`,
    `- Host: ${cores} × ${cpu}, ${memoryGigabytes} GB, ${system}`,
    `- Versions: ${named.join(', ')}; commit ${commit}`,
  ].join('\n');
}

/** Nothing where nothing was measured. */
function section<E extends Entry>(
  title: string,
  entries: readonly E[],
  tables: (all: readonly E[]) => string,
): string[] {
  if (entries.length === 0) return [];
  const commands = [...new Set(entries.map(({ command, date }) => `\`${command}\` (${date} UTC)`))];
  const failed = entries.flatMap((entry) =>
    entry.failed ? [`Not finished: ${titleOf(entry)}: ${firstLine(entry.failed)}.`] : [],
  );
  return [`### ${title}`, tables(entries), ...failed, `By ${commands.join(', ')}.`].filter(
    (part) => part !== '',
  );
}

const titleOf = (entry: Entry): string =>
  entry.part === 'policy'
    ? `${entry.benchmark} of size ${entry.size}`
    : 'backend' in entry
      ? entry.backend
      : 'this';

/** What goes into a line of a page. */
const firstLine = (text: string): string =>
  (text.split('\n')[0] as string).replaceAll('|', '\\|').replace(/\.$/, '');

function checkTable(entries: readonly CheckEntry[]): string {
  const rows = entries.flatMap(({ backend, suites }) =>
    suites.map(({ name, passed, failed, skipped }) => [backend, name, passed, failed, skipped].map(String)),
  );
  const faults = entries.flatMap(({ backend, suites }) =>
    suites.flatMap((suite) =>
      suite.faults.map((fault) => `- ${backend}, ${suite.name}: ${firstLine(fault)}`),
    ),
  );
  const head = ['backend', 'suite', 'passed', 'failed', 'skipped'];
  return [table([head, ...rows]), ...(faults.length > 0 ? [faults.join('\n')] : [])].join('\n\n');
}

function policyTables(entries: readonly PolicyEntry[]): string {
  return entries.flatMap(({ result }) => (result ? [resultTables(result)] : [])).join('\n\n');
}

/** What the demo writes of itself, as far as it is shown. */
interface DemoResult {
  readonly steps: number;
  readonly seconds: number;
  readonly heldOutJudge: { readonly before: number; readonly after: number };
  readonly klToBase: number;
}

function demoTable(entries: readonly DemoEntry[]): string {
  const rows = entries.flatMap(({ where, result, seconds }) => {
    if (!result) return [];
    const { steps, heldOutJudge, klToBase, seconds: own } = result as DemoResult;
    const judge = [heldOutJudge.before, heldOutJudge.after].map((value) => value.toFixed(1));
    return [[where, String(steps), ...judge, klToBase.toFixed(4), number(own), number(seconds)]];
  });
  if (rows.length === 0) return '';
  const head = [
    'backend',
    'steps',
    'judge before, %',
    'after, %',
    'KL to the base',
    'seconds',
    'of the whole process',
  ];
  return table([head, ...rows]);
}

/** What the parts of a step are called. */
const PHASE_TITLES = {
  plan: 'rollout: plans',
  image: 'rollout: images',
  pixels: 'pixels',
  reference: 'reference',
  update: 'update',
} as const;

function janusTables(entries: readonly JanusEntry[]): string {
  return entries.map(janusTable).join('\n\n');
}

function janusTable({ sizeName, size, microBatch, rowsAtOnce, programs }: JanusEntry): string {
  const {
    layers,
    width,
    vocabulary,
    imageVocabulary,
    grid,
    planTokens,
    group,
    rank,
    promptTokens,
    requestTokens,
  } = size;
  const shape = `Size ${sizeName}: ${layers} layers of width ${width}, ${vocabulary} words, ${grid ** 2} image tokens of ${imageVocabulary}; 1 prompt × ${group} samples, plans of up to ${planTokens} tokens after ${promptTokens}, images after ${requestTokens} and the plan, guidance 5; LoRA of rank ${rank} beside every matrix of a block; checkpointing, ${microBatch} sample${microBatch > 1 ? 's' : ''} a backward pass, ${rowsAtOnce} decoded side by side.`;
  const head = ['seconds', ...programs.map(({ name }) => name)];
  const each = (cell: (program: JanusProgram) => string): string[] => programs.map(cell);
  const rows = [
    ...PHASES.map((phase) => [PHASE_TITLES[phase], ...each((program) => time(program, phase))]),
    ['**the step**', ...each((program) => time(program, 'total'))],
    ['tokens/s, plans', ...each((program) => speed(program, 'plan'))],
    ['tokens/s, images', ...each((program) => speed(program, 'image'))],
    [
      'first step, with what is compiled',
      ...each(({ rounds: [first] }) => (first ? number(first.seconds.total) : '–')),
    ],
    [
      'making the weights',
      ...each(({ loadSeconds }) => (loadSeconds === undefined ? '–' : number(loadSeconds))),
    ],
    ...memoryRows(programs),
  ];
  const notes = programs.flatMap(({ name, failed, agrees, rounds }) => [
    ...(failed ? [`${name} is not finished: ${firstLine(failed)}.`] : []),
    ...(agrees === false ? [`${name} does not compute what the first does: do not compare.`] : []),
    ...(rounds.length === 1 ? [`${name}: one step only, so its times hold what is compiled.`] : []),
  ]);
  return [shape, table([head, ...rows]), ...notes].join('\n\n');
}

/** The steps that count: all but the first, if there are more. */
const counted = ({ rounds }: JanusProgram) => (rounds.length > 1 ? rounds.slice(1) : rounds);
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function time(program: JanusProgram, phase: keyof JanusProgram['rounds'][number]['seconds']): string {
  const rounds = counted(program);
  return rounds.length === 0 ? '–' : number(mean(rounds.map(({ seconds }) => seconds[phase])));
}

function speed(program: JanusProgram, phase: 'plan' | 'image'): string {
  const rounds = counted(program);
  const sum = (value: (round: JanusProgram['rounds'][number]) => number) =>
    rounds.reduce((all, round) => all + value(round), 0);
  return rounds.length === 0
    ? '–'
    : number(sum(({ tokens }) => tokens[phase]) / sum(({ seconds }) => seconds[phase]));
}

function memoryRows(programs: readonly JanusProgram[]): string[][] {
  const names = [...new Set(programs.flatMap(({ peak }) => Object.keys(peak)))];
  const rows = names.map((name) => [
    `peak: ${name}`,
    ...programs.map(({ peak }) => (peak[name] === undefined ? '–' : gigabytes(peak[name]))),
  ]);
  const driver = programs.map(({ driverMegabytes }) =>
    driverMegabytes === undefined ? '–' : gigabytes(driverMegabytes * 2 ** 20),
  );
  return programs.some((program) => program.driverMegabytes !== undefined)
    ? [...rows, ['peak: by the driver', ...driver]]
    : rows;
}
