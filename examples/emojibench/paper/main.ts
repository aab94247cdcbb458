/**
 * The paper in miniature: every run of the protocol (PROTOCOL.md), and the pages that are made of them.
 *
 *     npm run paper                      # makes the runs that are not there yet, then the pages
 *     npm run paper -- --quick           # the main arms, one seed, in minutes; its own pages, in runs/paper-quick
 *     npm run paper -- --report-only     # the pages, from the committed runs
 *
 * It can be stopped at any time and goes on with the runs that are missing. The same seed makes the same run, bit for bit on one
 * backend, however many run side by side.
 */

import { spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { clock } from 'bicot/node';
import { weightsChecksum } from '../../emoji/model-file.js';
import { writePages } from './pages.js';
import { readRecord } from './record.js';
import { type PlannedRun, plannedRuns, protocolHash, QUICK, SETTINGS } from './settings.js';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    'report-only': { type: 'boolean', default: false },
    /** Runs at a time; default one a core. */
    jobs: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    backend: { type: 'string', default: 'wasm' },
    /** Where the runs are; default examples/emojibench/runs, for --quick runs/paper-quick. */
    runs: { type: 'string' },
    /** Only the arms whose names are listed. */
    arms: { type: 'string' },
  },
});
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const settings = flags.quick ? QUICK : SETTINGS;
const runs = flags.runs ?? (flags.quick ? 'runs/paper-quick' : here('../runs'));
const base = here('../base');
const baseSha256 = weightsChecksum(base);

if (!flags['report-only']) await makeRuns();
const written = await writePages(settings, runs, flags.quick ? runs : undefined);
console.log(`written: ${written.join(', ')}`);

async function makeRuns(): Promise<void> {
  const chosen = flags.arms?.split(',');
  const planned = plannedRuns(settings).filter(({ arm }) => chosen?.includes(arm.name) ?? true);
  const waiting = planned.filter((run) => !isMade(run));
  console.log(
    `${planned.length} runs, ${planned.length - waiting.length} made already, ${flags.jobs} at a time`,
  );
  const logs = 'runs/paper-logs';
  mkdirSync(logs, { recursive: true });
  const started = performance.now();
  let [made, weight] = [0, 0];
  const total = waiting.reduce((sum, run) => sum + costOf(run), 0);
  const next = waiting[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: Number(flags.jobs) }, async () => {
      for (const run of next) {
        await makeRun(run, logs);
        made++;
        weight += costOf(run);
        const seconds = (performance.now() - started) / 1000;
        const left = (seconds / weight) * (total - weight);
        console.log(
          `${made}/${waiting.length}  ${run.arm.name} ${run.seed}  ${clock(seconds)} gone, ${clock(left)} left`,
        );
      }
    }),
  );
}

/** What a run takes, relative to one of GRPO: for the time that is left. */
function costOf({ arm: { method, guidance, updatesPerRollout = 1 } }: PlannedRun): number {
  if (method === 'none') return 0.1;
  return ((method === 'best-of-base' ? 0.6 : 1) * (guidance ? 1.8 : 1)) / updatesPerRollout ** 0.4;
}

/** A run that was made with other settings is an error: results of two protocols are not to be mixed. */
function isMade({ arm, seed }: PlannedRun): boolean {
  const record = readRecord(runs, arm.name, seed);
  if (record === undefined) return false;
  const protocol = protocolHash(settings, arm, baseSha256);
  if (record.protocol === protocol && record.backend === flags.backend) return true;
  throw new Error(
    `${runs}/${arm.name}-${seed}.json was made with protocol ${record.protocol} on ${record.backend}, not ${protocol} on ${flags.backend}. ` +
      'Move the runs of other settings away, or undo the change.',
  );
}

async function makeRun({ arm, seed }: PlannedRun, logs: string): Promise<void> {
  const file = join(logs, `${arm.name}-${seed}.log`);
  const log = openSync(file, 'w');
  const args = [
    '--arm',
    arm.name,
    '--seed',
    String(seed),
    '--out',
    runs,
    '--base',
    base,
    '--backend',
    flags.backend,
  ];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', here('./run-one.ts'), ...args, ...(flags.quick ? ['--quick'] : [])],
    { stdio: ['ignore', log, log] },
  );
  const status = await new Promise((resolve) => child.on('exit', resolve));
  if (status !== 0)
    throw new Error(`${arm.name} with seed ${seed} ended with status ${status}; see ${file}.`);
}
