/**
 * Runs the demo on several seeds, and with each seed as the control with shuffled rewards, and writes what came out,
 * whatever it is:
 *
 *     npx tsx examples/emoji/evidence.ts --seeds 0,1,2 --backend wasm --jobs 2 --out examples/emoji/evidence.json
 */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from 'bicot/node';
import { type EvidenceReport, type EvidenceRun, evidenceTable } from './evidence-table.js';
import { weightsChecksum } from './model-file.js';
import { demoSettings } from './settings.js';

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0,1,2' },
    backend: { type: 'string', default: 'wasm' },
    /** Runs at a time; more than one makes each slower. */
    jobs: { type: 'string', default: '1' },
    work: { type: 'string', default: 'runs/evidence' },
    out: { type: 'string', default: 'examples/emoji/evidence.json' },
  },
});

async function run(seed: number, shuffled: boolean): Promise<EvidenceRun> {
  const out = join(flags.work, `${shuffled ? 'shuffled' : 'seed'}-${seed}`);
  const demo = fileURLToPath(new URL('./demo.ts', import.meta.url));
  const args = ['--import', 'tsx', demo, '--seed', String(seed), '--backend', flags.backend, '--out', out];
  const log = openSync(`${out}.log`, 'w');
  const child = spawn(process.execPath, shuffled ? [...args, '--shuffle-rewards'] : args, {
    stdio: ['ignore', log, log],
  });
  const status = await new Promise((resolve) => child.on('exit', resolve));
  if (status !== 0)
    throw new Error(`The demo with seed ${seed} ended with status ${status}; see ${out}.log.`);
  const result = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'));
  console.log(out, JSON.stringify(result.heldOutJudge));
  return { seed, shuffled, ...result };
}

mkdirSync(flags.work, { recursive: true });
const seeds = flags.seeds.split(',').map(Number);
const waiting = [false, true].flatMap((shuffled) => seeds.map((seed) => ({ seed, shuffled })));
const runs: EvidenceRun[] = [];
await Promise.all(
  Array.from({ length: Number(flags.jobs) }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      runs.push(await run(next.seed, next.shuffled));
  }),
);
runs.sort((a, b) => Number(a.shuffled) - Number(b.shuffled) || a.seed - b.seed);
const base = fileURLToPath(new URL('./base', import.meta.url));
const report: EvidenceReport = {
  date: new Date().toISOString().slice(0, 10),
  hardware: `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`,
  jobs: Number(flags.jobs),
  weights: weightsChecksum(base),
  settings: demoSettings(),
  runs,
};
await writeFileAtomic(flags.out, `${JSON.stringify(report, null, 2)}\n`);
console.log(evidenceTable(report));
