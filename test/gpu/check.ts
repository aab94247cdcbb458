/**
 * Does bicot keep its promises on this machine's GPU? `npm run gpu:check`, with the options that it prints when it does not
 * understand. Runs the contracts of the models and the numeric suites of `npm test` on every backend of a GPU that starts.
 */
import { type FoundBackend, findBackends } from './backends.js';
import { describeMachine } from './machine.js';
import { CHECK_USAGE, type RunOptions, readCheckOptions } from './options.js';
import { type Deadline, deadlineIn, nodeProgram, runProgram } from './program.js';
import { type CheckEntry, type CheckedSuite, now, openResults } from './results.js';
import { vitestSuite } from './vitest-summary.js';

const SUITES = new URL('../packages/webgpu/run.mjs', import.meta.url);

/** Runs both kinds of suites of one backend, and tells what is known after each. */
async function check(
  { name, description }: FoundBackend,
  options: RunOptions,
  deadline: Deadline,
  command: string,
  put: (entry: CheckEntry) => void,
): Promise<boolean> {
  const [date, began] = [now(), performance.now()];
  const suites: CheckedSuite[] = [];
  const failures: string[] = [];
  const tell = (suite: CheckedSuite): void => {
    suites.push(suite);
    const { passed, failed, skipped, faults } = suite;
    console.log(`${name}, ${suite.name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
    for (const fault of faults) console.log(`  ${fault}`);
    write();
  };
  const write = (): void =>
    put({
      ...{ part: 'check', backend: name, where: description, date, command, suites },
      seconds: (performance.now() - began) / 1000,
      ...(failures.length > 0 && { failed: failures.join('; ') }),
    });
  const contracts = nodeProgram(new URL('./check-backend.ts', import.meta.url), [
    name,
    JSON.stringify(options.start),
  ]);
  const onLine = (line: string): void => tell(JSON.parse(line) as CheckedSuite);
  const { failed } = await runProgram(...contracts, { deadline, onLine });
  if (failed) failures.push(`contracts: ${failed}`);
  if (name === 'webgpu') {
    const summary = vitestSuite('numeric suites');
    const ended = await runProgram(process.execPath, [SUITES.pathname, '--installed'], {
      deadline,
      env: { NO_COLOR: '1', FORCE_COLOR: '0' },
      onLine(line) {
        console.log(line);
        summary.read(line);
      },
    });
    const found = summary.result();
    if (found) tell(found);
    if (ended.failed && !found?.failed) failures.push(`numeric suites: ${ended.failed}`);
  }
  write();
  return failures.length === 0 && suites.every((suite) => suite.failed === 0);
}

async function run(options: RunOptions, command: string): Promise<boolean> {
  const deadline = deadlineIn(options.minutes);
  const backends = await findBackends(options, deadline);
  if (backends.length === 0) {
    console.error(
      'No backend of a GPU starts, so nothing is checked. docs/gpu.md says what a machine needs.',
    );
    return false;
  }
  const results = openResults(options.out, describeMachine(options));
  let passed = true;
  for (const backend of backends) {
    passed = (await check(backend, options, deadline, command, (entry) => results.put(entry))) && passed;
  }
  console.log(`Results are in ${results.json}, and beside it in Markdown.`);
  return passed;
}

const args = process.argv.slice(2);
const options = readCheckOptions(args);
if (!options) {
  console.error(CHECK_USAGE);
  process.exitCode = 2;
} else if (
  !(await run(options, ['npm run gpu:check', ...(args.length > 0 ? ['--', ...args] : [])].join(' ')))
) {
  process.exitCode = 1;
}
