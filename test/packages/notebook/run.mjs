/**
 * Runs examples/notebooks headless, from top to bottom, in a project of a user's: the packed library, TensorFlow.js and tslab.
 *
 *     node test/packages/notebook/run.mjs bicot-0.1.0.tgz            # do they print what is committed?
 *     node test/packages/notebook/run.mjs --write                    # packs what is built, and commits what they print now
 *     node test/packages/notebook/run.mjs --write --only 02
 *
 * Needs Debian's jupyter-client, python3-nbclient and python3-ipykernel; says so and skips without them. Texts must be the
 * same and numbers nearly so (outputs.mjs). Prints an `ok`, `not ok` or `skip` line for each; exits with 1 if one failed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { committedForm, difference } from './outputs.mjs';

const PYTHON = '/usr/bin/python3'; // Debian's own: another python3 earlier in PATH does not see its modules
const here = fileURLToPath(new URL('.', import.meta.url));
const repository = join(here, '../../..');
const folder = join(repository, 'examples/notebooks');

const { values: flags, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
  allowPositionals: true,
});
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.ipynb') && name.startsWith(flags.only))
  .sort();
if (names.length === 0) throw new Error(`No notebook in ${folder} begins with '${flags.only}'.`);

if (spawnSync(PYTHON, ['-c', 'import nbclient, nbformat, ipykernel, jupyter_client']).status !== 0) {
  console.log(
    `skip - notebooks (${PYTHON} has no nbclient; apt-get install jupyter-client python3-nbclient python3-ipykernel)`,
  );
  process.exit(flags.write ? 1 : 0);
}

const project = mkdtempSync(join(tmpdir(), 'bicot-notebooks-'));
const env = {
  ...process.env,
  JUPYTER_DATA_DIR: join(project, '.jupyter'),
  PATH: `${join(project, 'node_modules', '.bin')}:/usr/bin:${process.env.PATH}`,
};

/** Runs a command in the project. */
function run(command, args, cwd = project) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${error ?? ''}${stdout}${stderr}`);
  return stdout.trim();
}

/** A scratch project with everything in it that the notebooks import. */
function install() {
  const pack = ['pack', '--silent', '--pack-destination', project];
  const tarball = positionals[0] ? resolve(positionals[0]) : join(project, run('npm', pack, repository));
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(here, file), join(project, file));
  for (const name of readdirSync(folder)) cpSync(join(folder, name), join(project, name));
  run('npm', ['ci', '--no-audit', '--no-fund']);
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', tarball]);
  run('tslab', ['install', `--python=${PYTHON}`, '--user']);
}

/** Runs a notebook and compares, or writes. Throws if it fails, or prints something else. */
function check(name) {
  run(PYTHON, [join(here, 'execute.py'), name, `executed-${name}`]);
  const fresh = JSON.parse(readFileSync(join(project, `executed-${name}`), 'utf8'));
  if (flags.write) {
    writeFileSync(join(folder, name), committedForm(fresh));
    return;
  }
  const found = difference(JSON.parse(readFileSync(join(folder, name), 'utf8')), fresh);
  if (found) throw new Error(`${found}\n\`npm run notebooks\` writes what they show now.`);
}

try {
  install();
  for (const name of names) {
    try {
      check(name);
      console.log(`ok - notebook: ${name}`);
    } catch (error) {
      console.log(`not ok - notebook: ${name}\n${error.message}`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(project, { recursive: true, force: true });
}
