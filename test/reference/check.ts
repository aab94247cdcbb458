/**
 * Checks bicot against a file of reference values:
 *
 *     npm run check:reference -- FILE.json [--backend wasm]
 *
 * FILE has the format of `test/fixtures/grpo-losses.json`: `inputs`; `trl` cases with `loss_type`, `options`, `loss`
 * and `grad`; `advantages`; `verl_kl`. Prints each case with the largest errors of loss and gradient, over the largest
 * magnitude (for a loss, of the case's loss and gradient: its terms may cancel), and what was skipped and why. Exits with 1 if an error is above 1e-5, 2 if the file can't be used.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { isBicotError } from 'bicot';
import { type BackendName, selectBackend } from 'bicot/node';
import { type CaseResult, checkReferenceFile, type ReferenceFile } from './cases.js';

const TOLERANCE = 1e-5;

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { backend: { type: 'string', default: 'wasm' } },
});
const [path] = positionals;
if (path === undefined) fail('Usage: npm run check:reference -- FILE.json [--backend wasm]');

let file: ReferenceFile;
try {
  file = JSON.parse(readFileSync(path, 'utf8')) as ReferenceFile;
} catch (error) {
  fail(`${path} can't be read as JSON: ${(error as Error).message}`);
}
if (!Array.isArray(file.inputs?.logp)) {
  fail(`${path} has no inputs.logp; expected the format of test/fixtures/grpo-losses.json.`);
}

// test/packages/webgpu starts its backend itself.
const { description } =
  tf.getBackend() === values.backend
    ? { description: values.backend }
    : await selectBackend(values.backend as BackendName);
console.log(`${path} on ${description}; errors over the largest magnitude, at most ${TOLERANCE}\n`);
let results: CaseResult[];
try {
  results = await checkReferenceFile(file);
} catch (error) {
  if (!isBicotError(error)) throw error;
  fail(`bicot refuses a case of ${path}: ${error.message}`);
}

const width = Math.max(4, ...results.map(({ name }) => name.length));
const number = (error: number | undefined): string => (error === undefined ? '-' : error.toExponential(1));
console.log(`${''.padEnd(7)}${'case'.padEnd(width)}  ${'loss'.padStart(8)}  ${'gradient'.padStart(8)}`);
let wrong = 0;
let skipped = 0;
for (const result of results) {
  if ('skipped' in result) {
    skipped++;
    console.log(`skip   ${result.name.padEnd(width)}  ${result.skipped}`);
    continue;
  }
  const { name, loss, gradient } = result;
  // Not `>`: NaN must fail.
  const fine = loss <= TOLERANCE && (gradient === undefined || gradient <= TOLERANCE);
  if (!fine) wrong++;
  const errors = `${number(loss).padStart(8)}  ${number(gradient).padStart(8)}`;
  console.log(`${(fine ? 'ok' : 'WRONG').padEnd(7)}${name.padEnd(width)}  ${errors}`);
}
const checked = results.length - skipped;
console.log(`\n${checked - wrong} of ${checked} cases agree, ${skipped} skipped`);
if (checked === 0) fail('Nothing was checked.');
process.exit(wrong > 0 ? 1 : 0);
