/**
 * Installs the packed library into a project and native TensorFlow with its own command, from scratch, and trains on it:
 *
 *     node test/packages/native/run.mjs bicot-0.1.0.tgz FOLDER
 *
 * The folder is made, and stays, for suites.mjs. Needs what npm and pip need to download. Prints one `ok` or `not ok` line
 * per check, or one `skip` line where tools or the wheel are not to be had; exits with 1 if a check failed.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [tarball, folder] = process.argv.slice(2);
if (!tarball || !folder) throw new Error('usage: run.mjs <tarball of npm pack> <folder to make>');

const [project, other, cache] = ['project', 'other', 'cache'].map((name) => resolve(folder, name));
const env = { ...process.env, XDG_CACHE_HOME: cache };
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const cli = join(project, 'node_modules/bicot/dist/cli.js');
let failed = 0;

/** Runs a command; `wrong` looks for trouble in what it printed and how it ended. */
function check(
  name,
  [command, ...args],
  { cwd = project, more = {}, status = 0, wrong = () => undefined } = {},
) {
  const ended = spawnSync(command, args, { cwd, env: { ...env, ...more }, encoding: 'utf8' });
  const printed = `${ended.stdout}${ended.stderr}`;
  const reason = ended.status === status ? wrong(printed) : `exit status ${ended.status}`;
  if (/pip found no wheel/.test(printed)) skip(`no wheel of TensorFlow: ${lastLine(printed)}`);
  console.log(`${reason ? 'not ok' : 'ok'} - native: ${name}${reason ? ` (${reason})` : ''}`);
  if (!reason) return;
  failed++;
  console.log(printed);
}

function skip(reason) {
  console.log(`skip - native: ${reason}`);
  process.exit(0);
}

const lastLine = (text) => text.trim().split('\n').at(-1);
const lacks = (printed, ...parts) => {
  const missing = parts.find((part) => !printed.includes(part));
  return missing && `'${missing}' was not printed`;
};

/** Everything below a folder; files with size and time, those of npm with their content. */
function snapshot(at) {
  const names = readdirSync(at, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => {
    const status = lstatSync(join(at, name));
    if (status.isDirectory()) return `${name} a folder`;
    if (name.endsWith('.json')) return `${name} ${readFileSync(join(at, name), 'utf8')}`;
    return `${name} ${status.size} ${status.mtimeMs}`;
  });
}

if (process.platform !== 'linux') skip('it is for Linux only');
for (const [tool, ...args] of [
  ['g++', '--version'],
  ['make', '--version'],
  ['python3', '-m', 'pip', '--version'],
]) {
  if (spawnSync(tool, args).status !== 0) {
    skip(`${[tool, ...args].join(' ')} fails; apt-get install build-essential python3 python3-pip`);
  }
}

mkdirSync(project, { recursive: true });
cpSync(here('project'), project, { recursive: true });
cpSync(here('../consumer/project/one-step.cjs'), join(project, 'one-step.cjs'));
check('bicot installs', ['npm', 'install', '--no-audit', '--no-fund', resolve(tarball)]);
check('install-native, from scratch', ['npx', 'bicot', 'install-native'], {
  wrong: (printed) => lacks(printed, 'Downloading', 'Unpacking', 'Installing', 'Building', 'Done: '),
});
check('install-native, a second time, has no need of any tool', [process.execPath, cli, 'install-native'], {
  more: { PATH: '/nowhere' },
  wrong: (printed) =>
    printed.split('\n').length > 2 ? 'more than one line' : lacks(printed, 'Nothing to do: '),
});
check('a build that fails', ['npx', 'bicot', 'install-native', '--force'], {
  more: { CXX: 'false' },
  status: 1,
  wrong: (printed) => lacks(printed, 'Taking back', 'the addon did not build'),
});
check('leaves what there was: one step of training on it, and int32 rounded', [process.execPath, 'step.mjs']);
check('bicot doctor says what runs', ['npx', 'bicot', 'doctor', '--backend', 'node'], {
  wrong: (printed) => lacks(printed, 'native TensorFlow on the CPU'),
});

mkdirSync(other);
writeFileSync(join(other, 'package.json'), '{"name": "other",\t"private": true}'); // npm would format it anew
check('another project', ['npm', 'install', '--no-audit', '--no-fund', 'seedrandom@3.0.5'], { cwd: other });
const before = snapshot(other);
check('a build that fails there', [process.execPath, cli, 'install-native', '--project', other], {
  more: { CXX: 'false' },
  status: 1,
  wrong: (printed) => lacks(printed, 'Installing', 'Building', 'Taking back', 'the addon did not build'),
});
const after = snapshot(other);
const changed = [
  ...before.filter((file) => !after.includes(file)),
  ...after.filter((file) => !before.includes(file)),
];
console.log(`${changed.length ? 'not ok' : 'ok'} - native: leaves it as it was, byte for byte`);
if (changed.length) console.log(changed.slice(0, 20).join('\n'));
const cached = existsSync(join(cache, 'bicot')) ? readdirSync(join(cache, 'bicot')) : [];
const whole = cached.length === 1 && cached[0].startsWith('tensorflow-cpu-');
console.log(`${whole ? 'ok' : 'not ok'} - native: the cache holds the wheel, and nothing else (${cached})`);
process.exit(failed === 0 && changed.length === 0 && whole ? 0 : 1);
