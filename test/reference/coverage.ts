/**
 * How often intervals of 95 % hold the truth, in simulations: the table of docs/evaluation.md. Some minutes.
 *
 *     npx tsx test/reference/coverage.ts [PROMPTS,…]
 */
import { bootstrap, type IntervalOptions, normalValues, type UniformStream, uniformStream } from 'bicot';

const REPEATS = 2000;
const SAMPLES = 4;

/** Worlds of known truth: `[prompts][4]`. */
const WORLDS: Readonly<
  Record<string, { truth: number; draw: (prompts: number, stream: UniformStream) => number[][] }>
> = {
  'normal, between 1 within 1': {
    truth: 0,
    draw: (prompts, stream) => {
      const values = normalValues(stream, prompts * (SAMPLES + 1));
      return Array.from({ length: prompts }, (_, i) => {
        const [own = 0, ...rest] = values.subarray(i * (SAMPLES + 1), (i + 1) * (SAMPLES + 1));
        return rest.map((value) => own + value);
      });
    },
  },
  judge: {
    truth: 0.5,
    draw: (prompts, stream) =>
      Array.from({ length: prompts }, () => {
        const accepted = stream();
        return Array.from({ length: SAMPLES }, () => (stream() < accepted ? 1 : 0));
      }),
  },
};

const METHODS: Readonly<Record<string, IntervalOptions>> = {
  expanded: {},
  percentile: { method: 'percentile' },
  bca: { method: 'bca' },
  'both tiers': { method: 'percentile', resample: [true, true] },
};

const percent = (covers: (repeat: number) => boolean): string => {
  const covered = Array.from({ length: REPEATS }, (_, repeat) => covers(repeat)).filter(Boolean).length;
  return ((100 * covered) / REPEATS).toFixed(1);
};

const sizes = (process.argv[2] ?? '8,20,40,100').split(',').map(Number);
for (const [name, { truth, draw }] of Object.entries(WORLDS)) {
  for (const prompts of sizes) {
    const data = (repeat: number) => draw(prompts, uniformStream('c', name, prompts, repeat));
    const holds = ({ low, high }: { low: number; high: number }) => low <= truth && truth <= high;
    const cells = Object.values(METHODS).map((options) =>
      percent((seed) => holds(bootstrap(data(seed), { resamples: 499, seed, ...options }))),
    );
    const flat = percent((seed) => holds(bootstrap(data(seed).flat(), { resamples: 199, seed })));
    console.log(`| ${[name, prompts, ...cells, flat].join(' | ')} |`);
  }
}
