/**
 * What a GPU gives: `npm run gpu:bench -- policy|demo|janus|all`, with the options that it prints when it does not understand;
 * `npm run gpu:bench -- docs` writes the page from the committed results.
 *
 * Results are written after every step of the way, and every part ends when its time is over.
 */
import { writeFileSync } from 'node:fs';
import { selectBackend } from 'bicot/node';
import { findBackends } from './backends.js';
import { describeMachine } from './machine.js';
import { BENCH_USAGE, type BenchOptions, readBenchOptions } from './options.js';
import { benchDemo } from './parts/demo.js';
import { benchJanus } from './parts/janus.js';
import { benchPolicy } from './parts/policy.js';
import { deadlineIn } from './program.js';
import { PAGE, readResults, writtenPage } from './report/page.js';
import { openResults } from './results.js';

const RUNS = { policy: benchPolicy, demo: benchDemo, janus: benchJanus };

async function run(options: BenchOptions, command: string): Promise<boolean> {
  const deadline = deadlineIn(options.minutes);
  const backends = await findBackends(options, deadline);
  if (backends.length === 0) {
    console.error(
      'No backend of a GPU starts, so nothing is measured. docs/gpu.md says what a machine needs.',
    );
    return false;
  }
  const results = openResults(options.out, describeMachine(options));
  // Problems are written here; everything else is computed in processes of its own.
  await selectBackend('wasm');
  for (const part of options.parts) await RUNS[part](options, backends, results, deadline, command);
  console.log(`Results are in ${results.json}, and beside it in Markdown.`);
  return true;
}

const args = process.argv.slice(2);
const options = args[0] === 'docs' ? undefined : readBenchOptions(args);
if (args[0] === 'docs') {
  writeFileSync(PAGE, writtenPage(readResults()));
} else if (options) {
  if (!(await run(options, `npm run gpu:bench -- ${args.join(' ')}`))) process.exitCode = 1;
} else {
  console.error(BENCH_USAGE);
  process.exitCode = 2;
}
