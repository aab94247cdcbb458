/**
 * Runs the demo on several seeds, and once as the control with shuffled rewards, one after the other, and writes
 * what came out, whatever it is:
 *
 *     npx tsx examples/emoji/evidence.ts --seeds 0,1,2 --backend wasm --out examples/emoji/evidence.json
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from 'bicot/node';

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0,1,2' },
    backend: { type: 'string', default: 'wasm' },
    work: { type: 'string', default: 'runs/evidence' },
    out: { type: 'string', default: 'examples/emoji/evidence.json' },
  },
});

interface Outcome {
  readonly heldOutJudge: { readonly before: number; readonly after: number };
  readonly before: { readonly overall: number };
  readonly after: { readonly overall: number };
  readonly klToBase: number;
  readonly seconds: number;
}

function run(seed: string, control: boolean): Outcome {
  const out = join(flags.work, control ? `shuffled-${seed}` : `seed-${seed}`);
  const demo = fileURLToPath(new URL('./demo.ts', import.meta.url));
  const args = ['tsx', demo, '--seed', seed, '--backend', flags.backend, '--out', out];
  const { status } = spawnSync('npx', control ? [...args, '--shuffle-rewards'] : args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`The demo with seed ${seed} ended with status ${status}.`);
  return JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')) as Outcome;
}

const seeds = flags.seeds.split(',');
const runs = [
  ...seeds.map((seed) => ({ seed: Number(seed), shuffled: false, ...run(seed, false) })),
  ...seeds.map((seed) => ({ seed: Number(seed), shuffled: true, ...run(seed, true) })),
];
const report = {
  date: new Date().toISOString().slice(0, 10),
  hardware: `${cpus().length} cores, ${cpus()[0]?.model.trim()}, Node ${process.version}`,
  backend: flags.backend,
  runs,
};
await writeFileAtomic(flags.out, `${JSON.stringify(report, null, 2)}\n`);
console.log(
  '| seed | rewards | judge before | judge after | change | trained reward before | after | KL | seconds |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
for (const { seed, shuffled, heldOutJudge: judge, before, after, klToBase, seconds } of runs) {
  const cells = [judge.before, judge.after, judge.after - judge.before, before.overall, after.overall];
  console.log(
    `| ${seed} | ${shuffled ? 'shuffled' : 'true'} | ${cells.map((cell) => cell.toFixed(1)).join(' | ')} | ${klToBase.toFixed(4)} | ${seconds.toFixed(0)} |`,
  );
}
