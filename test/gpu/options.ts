import { parseArgs } from 'node:util';
import { SIZES, type SizeName } from '../bench/sizes.js';
import type { StartOptions } from '../support/start-backend.js';
import { JANUS_SIZES, type JanusSize, type JanusSizeName } from './janus/sizes.js';

/** Parts of the benchmark. */
export const PARTS = ['policy', 'demo', 'janus'] as const;
/** One of them. */
export type Part = (typeof PARTS)[number];

/** What both commands were told. */
export interface RunOptions {
  /** Backends of bicot's. */
  readonly backends: readonly string[];
  readonly start: StartOptions;
  /** Where the files of results are. */
  readonly out: string;
  /** When what is not finished is given up. */
  readonly minutes: number;
  /** What Git would say, where there is no repository. */
  readonly commit?: string;
}

/** What `npm run gpu:bench` was told. */
export interface BenchOptions extends RunOptions {
  readonly parts: readonly Part[];
  readonly policySizes: readonly SizeName[];
  readonly janusSize: JanusSizeName;
  /** Changes of the size. */
  readonly janus: Partial<Pick<JanusSize, 'group' | 'planTokens' | 'grid' | 'rank' | 'layers'>>;
  readonly rounds: number;
  /** Samples in one backward pass. */
  readonly microBatch: number;
  /** Samples decoded side by side. */
  readonly rowsAtOnce: number;
  readonly torch: boolean;
  /** Fewer steps than the demo's own. */
  readonly demoSteps?: number;
}

const COMMON = `  [--backend webgpu,node-gpu]   those to run on; default: those of the two that start
  [--software]                  take a GPU in software (and PyTorch on the CPU): to try the kit, not to measure
  [--project FOLDER]            whose node_modules has tfjs-node-gpu; default: this folder
  [--out runs/gpu] [--minutes 9] [--commit HASH]`;

/** For whoever asks for something else. */
export const CHECK_USAGE = `Usage: npm run gpu:check
${COMMON}`;

/** Likewise. */
export const BENCH_USAGE = `Usage: npm run gpu:bench -- ${PARTS.join('|')}|all
${COMMON}
  [--size NAME]                 policy: ${Object.keys(SIZES).join('|')}, default S,M; janus: ${Object.keys(JANUS_SIZES).join('|')}, default 1b
  [--rounds 3] [--no-torch] [--demo-steps N]
  [--group 8] [--plan 32] [--grid 24] [--rank 16] [--layers 24] [--micro-batch 1] [--rows-at-once 8]   of janus
or: npm run gpu:bench -- docs   writes docs/gpu.md from test/gpu/results/*.json
PyTorch is python3's, or that of the python that BENCH_PYTHON names.`;

const common = {
  backend: { type: 'string' },
  software: { type: 'boolean', default: false },
  project: { type: 'string' },
  out: { type: 'string', default: 'runs/gpu' },
  minutes: { type: 'string', default: '9' },
  commit: { type: 'string' },
} as const;

/** @returns nothing if the arguments make no sense */
export function readCheckOptions(args: readonly string[]): RunOptions | undefined {
  try {
    return runOptions(parseArgs({ args: [...args], options: common }).values);
  } catch {
    return undefined;
  }
}

type Values = { [K in keyof typeof common]?: string | boolean };

function runOptions(values: Values): RunOptions | undefined {
  const { backend, software, project, out, minutes, commit } = values;
  if (!(Number(minutes) > 0)) return undefined;
  return {
    backends: typeof backend === 'string' ? backend.split(',') : [],
    start: { software: software === true, ...(project ? { project: String(project) } : {}) },
    ...{ out: String(out), minutes: Number(minutes) },
    ...(commit ? { commit: String(commit) } : {}),
  };
}

/** @returns nothing if the arguments make no sense */
export function readBenchOptions(args: readonly string[]): BenchOptions | undefined {
  const number = { type: 'string' } as const;
  let parsed: ReturnType<typeof parse>;
  const parse = () =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...common,
        size: { type: 'string' },
        'no-torch': { type: 'boolean', default: false },
        rounds: { type: 'string', default: '3' },
        'micro-batch': { type: 'string', default: '1' },
        'rows-at-once': { type: 'string', default: '8' },
        ...{ group: number, plan: number, grid: number, rank: number, layers: number, 'demo-steps': number },
      },
    });
  try {
    parsed = parse();
  } catch {
    return undefined;
  }
  const { values, positionals } = parsed;
  const run = runOptions(values);
  const [name = '', ...more] = positionals;
  const parts = name === 'all' ? PARTS : PARTS.filter((known) => known === name);
  const sizes = values.size?.split(',') ?? [];
  const fits = (part: Part): boolean =>
    part === 'demo' || sizes.every((size) => size in (part === 'policy' ? SIZES : JANUS_SIZES));
  const counts = [values.rounds, values['micro-batch'], values['rows-at-once'], values['demo-steps']];
  const changes = {
    group: values.group,
    planTokens: values.plan,
    grid: values.grid,
    rank: values.rank,
    layers: values.layers,
  };
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const whole = [...counts, ...given.map(([, value]) => value)].every(
    (value) => value === undefined || (Number.isInteger(Number(value)) && Number(value) > 0),
  );
  if (!run || parts.length === 0 || more.length > 0 || !parts.every(fits) || !whole) return undefined;
  return {
    ...run,
    parts,
    policySizes: (sizes.length > 0 ? sizes : ['S', 'M']) as SizeName[],
    janusSize: (sizes[0] ?? '1b') as JanusSizeName,
    janus: Object.fromEntries(given.map(([key, value]) => [key, Number(value)])),
    rounds: Number(values.rounds),
    microBatch: Number(values['micro-batch']),
    rowsAtOnce: Number(values['rows-at-once']),
    torch: !values['no-torch'],
    ...(values['demo-steps'] ? { demoSteps: Number(values['demo-steps']) } : {}),
  };
}
