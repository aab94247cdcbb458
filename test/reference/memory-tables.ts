/**
 * Writes the tables of memory and arithmetic into `docs/models/janus.md`, between its marks; `docs.test.ts` checks that they
 * are what this writes.
 *
 *     npm run docs:memory
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  estimateFlops,
  estimateMemory,
  janusSizes,
  parseJanusConfig,
  type TrainingPlan,
} from 'bicot/models/janus';

const common = { vocab_size: 102_400, max_position_embeddings: 16_384 };
const MODELS = {
  '1B': janusSizes(
    parseJanusConfig({
      language_config: {
        ...common,
        ...{ hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 24, num_attention_heads: 16 },
      },
    }),
  ),
  '7B': janusSizes(parseJanusConfig({ language_config: { ...common, num_hidden_layers: 30 } })),
};

/** What the tables are of. */
const TOKENS = { promptTokens: 200, planTokens: 100, contextTokens: 120 };
const PLANS: readonly [name: string, plan: TrainingPlan][] = [
  ['whole', { rank: 0, rowsAtOnce: 8 }],
  ['LoRA 16', { rank: 16, rowsAtOnce: 8 }],
];

const columns = Object.entries(MODELS).flatMap(([model, sizes]) =>
  PLANS.map(([name, plan]) => ({ title: `${model}, ${name}`, sizes, plan: { ...TOKENS, ...plan } })),
);

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const gb = (bytes: number) => (bytes === 0 ? '–' : (bytes / 1e9).toFixed(bytes < 1e8 ? 2 : 1));

/** Gigabytes, line by line. */
function memoryTable(): string {
  const estimates = columns.map(({ sizes, plan }) => estimateMemory(sizes, plan));
  const lines = (part: 'held' | 'phases') =>
    (estimates[0]?.[part] ?? []).map(({ name }, i) =>
      row([
        part === 'held' ? name : `*in a phase:* ${name}`,
        ...estimates.map((estimate) => gb(estimate[part][i]?.bytes ?? 0)),
      ]),
    );
  return [
    row(['GB', ...columns.map(({ title }) => title)]),
    row(['---', ...columns.map(() => '--:')]),
    ...lines('held'),
    ...lines('phases'),
    row(['**at most**', ...estimates.map(({ peakBytes }) => `**${gb(peakBytes)}**`)]),
    row([
      'without checkpointing',
      ...columns.map(({ sizes, plan }) =>
        gb(estimateMemory(sizes, { ...plan, checkpointing: false }).peakBytes),
      ),
    ]),
  ].join('\n');
}

/** Trillions of additions and multiplications of one step: one prompt, 8 samples. */
function flopsTable(): string {
  const flops = columns.map(({ sizes, plan }) =>
    estimateFlops(sizes, {
      ...TOKENS,
      ...{
        samples: 8,
        groupSize: 8,
        rank: plan.rank ?? 0,
        guidance: true,
        checkpointing: true,
        reference: true,
      },
    }),
  );
  const names = ['plans', 'images', 'pixels', 'reference', 'update', 'total'] as const;
  return [
    row(['TFLOP', ...columns.map(({ title }) => title)]),
    row(['---', ...columns.map(() => '--:')]),
    ...names.map((name) => row([name, ...flops.map((step) => (step[name] / 1e12).toFixed(1))])),
  ].join('\n');
}

const MARKS = { memory: memoryTable, flops: flopsTable };

/** A page with its marked tables as they are computed now. */
export function withTables(page: string): string {
  return Object.entries(MARKS).reduce((text, [name, table]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [before, rest] = text.split(begin) as [string, string | undefined];
    const after = rest?.split(end)[1];
    if (after === undefined) throw new Error(`The page has no marks ${begin} and ${end}.`);
    return `${before}${begin}\n${table()}\n${end}${after}`;
  }, page);
}

const PAGE = fileURLToPath(new URL('../../docs/models/janus.md', import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')));
}
