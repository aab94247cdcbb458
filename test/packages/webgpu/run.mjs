/**
 * Runs the numeric tests on WebGPU, through Dawn, on the GPU of this machine or else on SwiftShader:
 *
 *     node test/packages/webgpu/run.mjs
 *     node test/packages/webgpu/run.mjs --reference FILE.json    (npm run check:reference, on WebGPU)
 *     node test/packages/webgpu/run.mjs --installed              (what is installed already will do: no network is needed)
 *
 * Installs Dawn and the backend beside this file; the root must be installed already. Prints vitest's report, or one
 * `skip` line where there is no adapter; exits with the status of what it ran.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = fileURLToPath(new URL('../../..', import.meta.url));
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Tests that a GPU in software makes too long, by a part of their names. */
const SLOW = {
  'finite differences': 'some 500 forward passes, one for each move of a weight: over 4 minutes',
  'micro-batches of 1': '1 minute; micro-batches of 4 stay',
  planted: 'every operation twice more, a minute each; they stay on cpu and wasm',
  'all tokens of 20 plans':
    'a second for each of 80 tokens, as each has shapes of its own; the first tokens stay',
};

const { values } = parseArgs({
  options: { reference: { type: 'string' }, installed: { type: 'boolean', default: false } },
});
const reference = values.reference && resolve(values.reference);

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
if (!values.installed) {
  const install = spawnSync(npm, ['ci', '--no-audit', '--no-fund'], {
    cwd: here,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (install.status !== 0) {
    console.log(`not ok - webgpu: npm ci failed\n${install.stdout}${install.stderr}`);
    process.exit(1);
  }
}

/** The adapter that Dawn finds in an environment. */
function adapterIn(env) {
  const { stdout, stderr } = spawnSync(process.execPath, ['probe.mjs'], { cwd: here, env, encoding: 'utf8' });
  try {
    return { adapter: JSON.parse(stdout), stderr };
  } catch {
    return { adapter: null, stderr };
  }
}

let env = process.env;
let { adapter, stderr } = adapterIn(env);
if (!adapter && !env.VK_ICD_FILENAMES && !env.VK_DRIVER_FILES && existsSync(SWIFTSHADER)) {
  env = { ...env, VK_ICD_FILENAMES: SWIFTSHADER };
  ({ adapter, stderr } = adapterIn(env));
}
if (!adapter) {
  const [reason = 'no adapter'] = stderr.split('\n');
  console.log(
    `skip - webgpu: Dawn finds no GPU (${reason || 'no adapter'}); for one in software, apt-get install chromium-common libvulkan1`,
  );
  process.exit(0);
}
console.log(`WebGPU: ${adapter.vendor} ${adapter.architecture}, ${adapter.description}`);

const run = (...args) => {
  const { status } = spawnSync(process.execPath, args, { cwd: repository, env, stdio: 'inherit' });
  process.exit(status ?? 1);
};
if (reference) {
  run(
    ...['--import', 'tsx', '--import', './test/packages/webgpu/setup.mjs'],
    ...['test/reference/check.ts', reference, '--backend', 'webgpu'],
  );
}
const options = ['--config', 'test/packages/webgpu/vitest.config.ts'];
if (adapter.software) {
  for (const [name, why] of Object.entries(SLOW)) console.log(`left out in software: ${name} (${why})`);
  options.push('--testNamePattern', `^(?!.*(?:${Object.keys(SLOW).join('|')}))`);
}
run('node_modules/vitest/vitest.mjs', 'run', ...options);
