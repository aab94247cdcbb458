/**
 * Checks bicot against a file of reference values:
 *
 *     npm run check:reference -- FILE.json [--backend wasm]
 *
 * FILE has the format of `test/fixtures/grpo-losses.json`: `inputs`; `trl` cases with `loss_type`, `options`, `loss`
 * and `grad`; `advantages`; `verl_kl`. Or that of `test/fixtures/peft/default/outputs.json`: what modules give with the
 * adapters in the file's folder. Prints each case with the largest errors of loss and gradient, or of adapters on and off,
 * over the largest magnitude (for a loss whose terms cancel, 2 % of their sizes), and what was skipped and why. Exits with
 * 1 if an error is above 1e-5, 2 if the file can't be used.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { type BackendName, selectBackend } from 'bicot/node';
import { checkReferenceFile, type ReferenceFile } from './cases.js';
import { checkPeftFile, isPeftFile, type PeftFile } from './peft-cases.js';
import { readReferenceFile } from './read.js';

const TOLERANCE = 1e-5;

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

/** Cases with their errors, in the columns of the headings; or why one was skipped. */
interface Results {
  readonly headings: readonly string[];
  readonly rows: readonly (
    | { readonly name: string; readonly errors: readonly (number | undefined)[] }
    | { readonly name: string; readonly skipped: string }
  )[];
}

async function lossRows(file: ReferenceFile): Promise<Results> {
  const results = await checkReferenceFile(file);
  const rows = results.map((result) =>
    'skipped' in result ? result : { name: result.name, errors: [result.loss, result.gradient] },
  );
  return { headings: ['loss', 'gradient'], rows };
}

async function peftRows(path: string, file: PeftFile): Promise<Results> {
  const results = await checkPeftFile(path, file);
  return { headings: ['on', 'off'], rows: results.map(({ name, on, off }) => ({ name, errors: [on, off] })) };
}

const USAGE = 'Usage: npm run check:reference -- FILE.json [--backend wasm]';

/** Runs one part; what goes wrong in it is said in words. */
async function part<T>(what: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    return fail(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const { values, positionals } = await part(USAGE, () =>
  parseArgs({ allowPositionals: true, options: { backend: { type: 'string', default: 'wasm' } } }),
);
const [path, ...more] = positionals;
if (path === undefined || more.length > 0) fail(USAGE);

const text = await part(`${path} can't be read`, () => readFileSync(path, 'utf8'));
const check = await part(`${path} is not in the format of test/fixtures/grpo-losses.json`, () => {
  const json: unknown = JSON.parse(text);
  if (isPeftFile(json)) return () => peftRows(path, json);
  const file = readReferenceFile(json);
  return () => lossRows(file);
});
// test/packages/webgpu starts its backend itself.
const { description } = await part(`backend ${values.backend}`, () =>
  tf.getBackend() === values.backend
    ? { description: values.backend }
    : selectBackend(values.backend as BackendName),
);
console.log(`${path} on ${description}; errors over the largest magnitude, at most ${TOLERANCE}\n`);
const { headings, rows } = await part(`${path} can't be checked`, check);

const width = Math.max(4, ...rows.map(({ name }) => name.length));
const number = (error: number | undefined): string => (error === undefined ? '-' : error.toExponential(1));
const columns = (texts: readonly string[]): string => texts.map((text) => text.padStart(8)).join('  ');
console.log(`${''.padEnd(7)}${'case'.padEnd(width)}  ${columns(headings)}`);
let wrong = 0;
let skipped = 0;
for (const row of rows) {
  if ('skipped' in row) {
    skipped++;
    console.log(`skip   ${row.name.padEnd(width)}  ${row.skipped}`);
    continue;
  }
  const { name, errors } = row;
  // Not `>`: NaN must fail.
  const fine = errors.every((error) => error === undefined || error <= TOLERANCE);
  if (!fine) wrong++;
  console.log(`${(fine ? 'ok' : 'WRONG').padEnd(7)}${name.padEnd(width)}  ${columns(errors.map(number))}`);
}
const checked = rows.length - skipped;
console.log(`\n${checked - wrong} of ${checked} cases agree, ${skipped} skipped`);
if (checked === 0) fail('Nothing was checked.');
process.exit(wrong > 0 ? 1 : 0);
