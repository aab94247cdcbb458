/**
 * Says whether a finished demo did what the README promises: `npx tsx examples/emoji/check-result.ts runs/demo`.
 * Exits 1 if it did not.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2] ?? 'runs/demo';
const result = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as {
  heldOutJudge: { before: number; after: number };
  klToBase: number;
  seconds: number;
};
const gain = result.heldOutJudge.after - result.heldOutJudge.before;
const checks: [string, boolean][] = [
  [`the held-out judge rises by 15 points or more: ${gain.toFixed(1)}`, gain >= 15],
  [`the KL to the base is finite: ${result.klToBase}`, Number.isFinite(result.klToBase)],
  [`it took six minutes at most: ${result.seconds} s`, result.seconds <= 360],
];
for (const [what, holds] of checks) console.log(`${holds ? 'ok' : 'not ok'} ${what}`);
process.exitCode = checks.every(([, holds]) => holds) ? 0 : 1;
