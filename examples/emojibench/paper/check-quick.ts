/**
 * Whether `npm run paper -- --quick` came out as it should: prints `ok` or `not ok` lines.
 *
 *     npx tsx examples/emojibench/paper/check-quick.ts FOLDER [AGAIN]
 *
 * AGAIN holds runs that were made a second time; they must be the same but for what they took.
 */
import { type RunRecord, readRecord, readRecords } from './record.js';
import { runsOf } from './runs.js';
import { QUICK } from './settings.js';

const [folder = 'runs/paper-quick', again] = process.argv.slice(2);
const runs = runsOf(readRecords(folder), QUICK);
const judged = (arm: string, subset = 'all'): number => runs.accepted(arm, subset) ?? Number.NaN;

let wrong = 0;
function check(what: string, right: boolean, measured: string): void {
  if (!right) wrong++;
  console.log(`${right ? 'ok' : 'not ok'} - ${what} (${measured})`);
}

check('every main arm has a run', runs.records.length === 8, `${runs.records.length} of 8`);
check('the base errs', judged('base') > 0.1 && judged('base') < 0.6, `${judged('base')}`);
check(
  // 47.9 and 36.5 % on 2026-11-28, on wasm.
  'BiCoT is better than the base, sampled alike, by 3 points at least',
  judged('bicot') > judged('base-same') + 0.03,
  `${judged('bicot')} and ${judged('base-same')}`,
);
const withoutCost = (record?: RunRecord): string => JSON.stringify({ ...record, cost: undefined });
if (again !== undefined) {
  const twice = readRecords(again);
  const different = twice.filter(
    (record) => withoutCost(record) !== withoutCost(readRecord(folder, record.arm, record.seed)),
  );
  const names = different.map(({ arm, seed }) => `${arm} ${seed}`).join(', ');
  check(
    'the same seed gives the same run, bit for bit',
    twice.length > 0 && different.length === 0,
    `${twice.length} made twice${names && `, different: ${names}`}`,
  );
}
process.exit(wrong > 0 ? 1 : 0);
