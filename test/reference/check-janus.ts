/**
 * Checks bicot's Janus against another implementation's values:
 *
 *     npm run check:janus -- DIR GOLDEN.json [--backend wasm]
 *
 * DIR is a checkpoint folder, GOLDEN.json what `JanusGolden` in janus-golden.ts describes (`janus_tiny.py` makes such files).
 * Prints each difference; exits with 1 if one is too large, 2 if a file can't be used.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadJanus } from 'bicot/models/janus';
import { type BackendName, selectBackend } from 'bicot/node';
import { compareWithGolden, type JanusGolden } from './janus-golden.js';

const USAGE = 'Usage: npm run check:janus -- DIR GOLDEN.json [--backend wasm]';

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { backend: { type: 'string', default: 'wasm' } },
  });
  const [folder, file, ...more] = positionals;
  if (folder === undefined || file === undefined || more.length > 0) fail(USAGE);
  const golden = JSON.parse(readFileSync(file, 'utf8')) as JanusGolden;
  const { description } = await selectBackend(values.backend as BackendName);
  const model = await loadJanus(folder, {
    frozen: true,
    onProgress: ({ done, total, bytes }) => {
      if (process.stderr.isTTY)
        process.stderr.write(`\r${done}/${total} tensors, ${(bytes / 1e9).toFixed(2)} GB`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  console.log(`${folder} on ${description}, layout ${model.layout}`);
  for (const note of model.notes) console.log(`  note: ${note}`);
  const checks = await compareWithGolden(model, golden);
  for (const { name, difference, tolerance } of checks) {
    const verdict = difference <= tolerance ? 'ok    ' : 'FAILED';
    console.log(
      `  ${verdict} ${name}: differs by ${Number(difference.toPrecision(3))}, at most ${tolerance}`,
    );
  }
  model.dispose();
  process.exit(checks.every(({ difference, tolerance }) => difference <= tolerance) ? 0 : 1);
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}
