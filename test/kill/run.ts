/**
 * Kills a real run with SIGKILL at random moments until it has come to its end, again and again, and compares what it leaves
 * with what an undisturbed run leaves:
 *
 *     npx tsx test/kill/run.ts --kills 100 --seed 0
 *
 * One line for each check, `ok` or `not ok`; the exit status is 1 if one failed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { uniformStream } from '../../src/tensor/noise.js';
import { runRecords } from '../support/run-records.js';

const { values: flags } = parseArgs({
  options: { kills: { type: 'string', default: '100' }, seed: { type: 'string', default: '0' } },
});
const KILLS = Number(flags.kills);
/** Of one run; so long that it is killed several times. */
const STEPS = 40;
/** Of the checkpoints, as in child.ts. */
const EVERY = 2;
const child = fileURLToPath(new URL('./child.ts', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bicot-kill-'));
const random = uniformStream('kills', Number(flags.seed));
let failed = 0;

function check(name: string, right: boolean, detail = ''): void {
  if (!right) failed++;
  console.log(`${right ? 'ok' : 'not ok'} - ${name}${right || detail === '' ? '' : `: ${detail}`}`);
}

/** Makes a run, or goes on with it, and kills it after so long from its start; or lets it come to its end. */
function run(folder: string, killAfter?: number): Promise<{ over: boolean; text: string }> {
  const process_ = spawn(process.execPath, ['--import', 'tsx', child, folder, String(STEPS)]);
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  process_.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
    if (killAfter !== undefined && timer === undefined && text.includes('begun')) {
      timer = setTimeout(() => process_.kill('SIGKILL'), killAfter);
    }
  });
  process_.stderr.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  return new Promise((resolve) => {
    process_.on('close', () => {
      clearTimeout(timer);
      resolve({ over: text.includes('over'), text });
    });
  });
}

interface Line {
  readonly step: number;
}
const checkpoints = (folder: string): string[] => readdirSync(join(folder, 'checkpoints'));
const stepsMade = (text: string): number[] =>
  [...text.matchAll(/^made (\d+)/gm)].map((match) => Number(match[1]));

try {
  const whole = join(work, 'whole');
  const start = performance.now();
  check('an undisturbed run comes to its end', (await run(whole)).over);
  const seconds = (performance.now() - start) / 1000;
  const wanted = runRecords(whole);
  let kills = 0;
  for (let round = 0; kills < KILLS; round++) {
    const folder = join(work, `killed-${round}`);
    let furthest = -1;
    let worst = 0;
    let over = false;
    let ofRound = 0;
    while (!over) {
      const killAfter = kills < KILLS ? random() * seconds * 0.25 * 1000 : undefined;
      const made = await run(folder, killAfter);
      over = made.over;
      if (!over && killAfter === undefined) {
        check(`run ${round} goes on`, false, made.text);
        break;
      }
      if (!over) {
        kills++;
        ofRound++;
      }
      const steps = stepsMade(made.text);
      const [first] = steps;
      if (first !== undefined) worst = Math.max(worst, furthest + 1 - first);
      furthest = Math.max(furthest, ...steps);
    }
    const got = runRecords(folder);
    check(
      `run ${round}, killed ${ofRound} times: one record for each step`,
      new Set(got.map((line) => (JSON.parse(line) as Line).step)).size === STEPS && got.length === STEPS,
      `${got.length} records`,
    );
    check(`run ${round}: the same records as undisturbed`, got.join() === wanted.join());
    check(`run ${round}: at most one interval repeated (${worst} steps)`, worst <= EVERY);
    const same = checkpoints(whole).join() === checkpoints(folder).join();
    check(`run ${round}: no leftover files`, same, checkpoints(folder).join(', '));
    const weights = checkpoints(whole)
      .filter((file) => file.endsWith('weights.safetensors'))
      .every((file) =>
        readFileSync(join(whole, 'checkpoints', file)).equals(
          readFileSync(join(folder, 'checkpoints', file)),
        ),
      );
    check(`run ${round}: the same weights, byte for byte`, weights);
    rmSync(folder, { recursive: true });
  }
  console.log(`${kills} kills; an undisturbed run takes ${seconds.toFixed(1)} s`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exit(failed > 0 ? 1 : 0);
