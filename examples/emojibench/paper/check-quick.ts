/** Whether `npm run paper -- --quick` came out as it should: prints `ok` or `not ok` lines. */
import { readRecords } from './record.js';
import { runsOf } from './runs.js';
import { QUICK } from './settings.js';

const folder = process.argv[2] ?? 'runs/paper-quick';
const runs = runsOf(readRecords(folder), QUICK);
const judged = (arm: string, subset = 'all'): number => runs.judged(arm, subset)?.estimate ?? Number.NaN;

let wrong = 0;
function check(what: string, right: boolean, measured: string): void {
  if (!right) wrong++;
  console.log(`${right ? 'ok' : 'not ok'} - ${what} (${measured})`);
}

BOUNDS;
