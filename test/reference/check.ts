/**
 * Checks bicot against a file of reference values:
 *
 *     npm run check:reference -- FILE.json [--backend wasm]
 *
 * FILE has the format of `test/fixtures/grpo-losses.json`: `inputs`; `trl` cases with `loss_type`, `options`, `loss`
 * and `grad`; `advantages`; `verl_kl`. Prints each case with the largest errors of loss and gradient, over the largest
 * magnitude (for a loss whose terms cancel, 2 % of their sizes), and what was skipped and why. Exits with 1 if an error is above 1e-5, 2 if the file can't be used.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { type BackendName, selectBackend } from 'bicot/node';
import { checkReferenceFile } from './cases.js';
import { readReferenceFile } from './read.js';

const TOLERANCE = 1e-5;

function fail(message: string): never {
  console.error(message);
  process.exit(2);
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
const file = await part(`${path} is not in the format of test/fixtures/grpo-losses.json`, () =>
  readReferenceFile(JSON.parse(text)),
);
// test/packages/webgpu starts its backend itself.
const { description } = await part(`backend ${values.backend}`, () =>
  tf.getBackend() === values.backend
    ? { description: values.backend }
    : selectBackend(values.backend as BackendName),
);
console.log(`${path} on ${description}; errors over the largest magnitude, at most ${TOLERANCE}\n`);
const results = await part(`${path} can't be checked`, () => checkReferenceFile(file));

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
