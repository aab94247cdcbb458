/**
 * Installs the packed library into an otherwise empty project and uses it as a stranger would:
 *
 *     node test/packages/consumer/run.mjs bicot-0.1.0.tgz
 *
 * Prints one `ok` or `not ok` line per check; exits with 1 if one failed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const tarball = process.argv[2];
if (!tarball) throw new Error('usage: run.mjs <tarball of npm pack>');

const project = mkdtempSync(join(tmpdir(), 'bicot-consumer-'));
let failed = 0;

/** Runs a command in the project; `wrong` looks for trouble in what it printed. */
function check(name, command, args, wrong = () => undefined) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, encoding: 'utf8' });
  const reason = status === 0 ? wrong(stdout + stderr) : `exit status ${status}`;
  console.log(`${reason ? 'not ok' : 'ok'} - consumer: ${name}${reason ? ` (${reason})` : ''}`);
  if (!reason) return;
  failed++;
  console.log(stdout + stderr);
}

const twoCopies = (printed) =>
  /already registered|Overwriting the platform/.test(printed)
    ? 'a second TensorFlow.js was loaded'
    : undefined;
const tsc = (module, moduleResolution, file) => [
  ...['node_modules/typescript/bin/tsc', '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom'],
  // TensorFlow.js 4.22's own declarations do not compile everywhere; bicot's are checked through their use.
  ...['--skipLibCheck', '--types', 'node', '--module', module, '--moduleResolution', moduleResolution, file],
];

try {
  cpSync(fileURLToPath(new URL('project', import.meta.url)), project, { recursive: true });
  cpSync(join(project, 'types.mts'), join(project, 'types.cts'));
  cpSync(join(project, 'types.mts'), join(project, 'types.ts'));
  check('installs', 'npm', ['install', '--no-audit', '--no-fund', resolve(tarball)]);
  if (failed === 0) {
    check('one GRPO step in ESM, alone and in workers', 'node', ['esm.mjs'], twoCopies);
    check('one GRPO step in CJS, alone and in workers', 'node', ['cjs.cjs'], twoCopies);
    const run = 'node_modules/.bin/bicot';
    check('npx bicot --version', run, ['--version'], (printed) =>
      /^\d+\.\d+\.\d+\s*$/.test(printed) ? undefined : 'no version alone',
    );
    check('npx bicot demo --help', run, ['demo', '--help'], (printed) =>
      /^usage: bicot demo/.test(printed) ? undefined : 'no usage',
    );
    check(
      'npx bicot train, a configuration in TypeScript',
      run,
      ['train', 'run.config.ts', '--out', 'runs/1'],
      (printed) => (/step 4\/4/.test(printed) ? twoCopies(printed) : 'it did not come to its end'),
    );
    check(
      'npx bicot eval, in pairs with the base',
      run,
      ['eval', 'runs/1', '--against', 'base', '--samples', '1'],
      (printed) => (/evaluations\/step-4/.test(printed) ? twoCopies(printed) : 'no pictures'),
    );
    check('npx bicot resume', run, ['resume', 'runs/1']);
    check('npx bicot sample', run, ['sample', 'runs/1', 'a red dog', '--n', '2', '--checkpoint', 'best']);
    check(
      'npx bicot demo',
      run,
      ['demo', '--steps', '1', '--eval-prompts', '4', '--backend', 'wasm'],
      (printed) =>
        /after +held-out judge/.test(printed) ? twoCopies(printed) : 'it did not come to its end',
    );
    check('types: node16, ESM', 'node', tsc('node16', 'node16', 'types.mts'));
    check('types: node16, CJS', 'node', tsc('node16', 'node16', 'types.cts'));
    check('types: bundler', 'node', tsc('esnext', 'bundler', 'types.ts'));
  }
} finally {
  rmSync(project, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);
