/**
 * Installs the packed library and tslab into a temporary project and runs the notebook in it, headless:
 *
 *     node test/packages/notebook/run.mjs bicot-0.1.0.tgz
 *
 * Needs Debian's jupyter-client, python3-nbclient and python3-ipykernel; says so and skips without them.
 * Prints one `ok`, `not ok` or `skip` line; exits with 1 on failure.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAME = 'notebook: one GRPO step in tslab';
const PYTHON = '/usr/bin/python3'; // Debian's own: another python3 earlier in PATH does not see its modules
const tarball = process.argv[2];
if (!tarball) throw new Error('usage: run.mjs <tarball of npm pack>');

if (spawnSync(PYTHON, ['-c', 'import nbclient, nbformat, ipykernel, jupyter_client']).status !== 0) {
  console.log(
    `skip - ${NAME} (${PYTHON} has no nbclient; apt-get install jupyter-client python3-nbclient python3-ipykernel)`,
  );
  process.exit(0);
}

const project = mkdtempSync(join(tmpdir(), 'bicot-notebook-'));
const env = {
  ...process.env,
  JUPYTER_DATA_DIR: join(project, '.jupyter'),
  PATH: `${join(project, 'node_modules', '.bin')}:/usr/bin:${process.env.PATH}`,
};
let output = '';
const run = (command, args) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, env, encoding: 'utf8' });
  output = `${stdout}${stderr}`;
  return status === 0;
};

try {
  for (const file of ['package.json', 'package-lock.json', 'grpo-step.ipynb', 'execute.py']) {
    cpSync(fileURLToPath(new URL(file, import.meta.url)), join(project, file));
  }
  const ran =
    run('npm', ['ci', '--no-audit', '--no-fund']) &&
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', resolve(tarball)]) &&
    run('tslab', ['install', `--python=${PYTHON}`, '--user']) &&
    run(PYTHON, ['execute.py', 'grpo-step.ipynb', 'executed.ipynb']);
  const wanted = ['WebAssembly', 'step 0 done: 8 samples, 32 tokens', 'displayed image/png'];
  const missing = ran ? wanted.filter((text) => !output.includes(text)) : ['exit status 0'];
  console.log(`${missing.length === 0 ? 'ok' : 'not ok'} - ${NAME}`);
  if (missing.length > 0) {
    console.log(`missing: ${missing.join('; ')}\n${output}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(project, { recursive: true, force: true });
}
