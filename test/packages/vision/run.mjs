/**
 * Runs the tests of `bicot/rewards/transformers` with the real runtime (onnxruntime-node, sharp), on the CPU:
 *
 *     node test/packages/vision/run.mjs
 *     node test/packages/vision/run.mjs --installed     (what is installed already will do: no network is needed)
 *
 * Installs transformers.js beside this file; the root must be installed already. Prints vitest's report, or one `skip` line
 * where the runtime has no binary for this machine; exits with the status of what it ran.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = fileURLToPath(new URL('../../..', import.meta.url));
const { values } = parseArgs({ options: { installed: { type: 'boolean', default: false } } });

if (!values.installed) {
  // Without scripts: onnxruntime-node's would download CUDA libraries. Its CPU binaries are in the package.
  const install = spawnSync(
    process.platform === 'win32' ? 'npm.cmd' : 'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    { cwd: here, encoding: 'utf8', shell: process.platform === 'win32' },
  );
  if (install.status !== 0) {
    console.log(`not ok - vision: npm ci failed\n${install.stdout}${install.stderr}`);
    process.exit(1);
  }
}

const probe = spawnSync(process.execPath, ['--eval', "await import('@huggingface/transformers')"], {
  cwd: here,
  encoding: 'utf8',
});
if (probe.status !== 0) {
  const reason = probe.stderr.split('\n').find((line) => /Error/.test(line)) ?? 'no reason given';
  console.log(`skip - vision: the runtime does not load here (${reason.trim()})`);
  process.exit(0);
}

const run = (...args) => {
  const { status } = spawnSync(process.execPath, args, { cwd: repository, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};
run('node_modules/typescript/bin/tsc', '--noEmit', '--project', 'test/packages/vision/tsconfig.json');
run('node_modules/vitest/vitest.mjs', 'run', '--config', 'test/packages/vision/vitest.config.ts');
