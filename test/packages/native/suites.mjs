/**
 * Runs the numeric tests on native TensorFlow, with the addon in a folder that run.mjs has made:
 *
 *     node test/packages/native/suites.mjs FOLDER [options of vitest]
 *
 * Prints vitest's report, or one `skip` line if there is no addon; exits with vitest's status. The project's own
 * TensorFlow.js gives way to the repository's, as two would not know each other's tensors.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [folder, ...options] = process.argv.slice(2);
if (!folder) throw new Error('usage: suites.mjs <folder that run.mjs has made> [options of vitest]');

/** Tests that do not hold there, by a part of their names. */
const LEFT_OUT = {
  'holds logits of a few positions at a time':
    'it counts bytes, and would count those of a reshape twice: for native TensorFlow that is a tensor of its own, with the same memory',
  'samples in chunks what is sampled at once, where contexts have one length':
    "the last bits of a row of TensorFlow's products depend on how many rows there are",
};

const project = resolve(folder, 'project');
const packages = join(project, 'node_modules/@tensorflow');
const repository = fileURLToPath(new URL('../../../', import.meta.url));
if (!existsSync(join(packages, 'tfjs-node/lib'))) {
  console.log(`skip - native: ${project} has no native TensorFlow`);
  process.exit(0);
}

for (const name of readdirSync(packages)) {
  const ours = join(repository, 'node_modules/@tensorflow', name);
  if (!existsSync(ours)) continue;
  rmSync(join(packages, name), { recursive: true });
  symlinkSync(ours, join(packages, name));
}

for (const [name, why] of Object.entries(LEFT_OUT)) console.log(`left out: ${name} (${why})`);
const { status } = spawnSync(
  process.execPath,
  [
    ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/packages/native/vitest.config.ts'],
    ...['--testNamePattern', `^(?!.*(?:${Object.keys(LEFT_OUT).join('|')}))`, ...options],
  ],
  { cwd: repository, env: { ...process.env, BICOT_NATIVE_PROJECT: project }, stdio: 'inherit' },
);
process.exit(status ?? 1);
