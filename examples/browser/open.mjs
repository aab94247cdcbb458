/**
 * Opens the page: `npm run demo:web`, or `npm run demo:web -- --port 8080` with options of Vite's. Installs Vite beside this
 * file first if it is not there yet; the root must be installed already.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const run = (command, args) => {
  const { status, error } = spawnSync(command, args, {
    cwd: here,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
};

if (!existsSync(new URL('node_modules/vite/package.json', import.meta.url))) {
  run('npm', ['ci', '--no-audit', '--no-fund']);
}
const options = process.argv.slice(2);
if (!options.includes('--open') && !options.includes('--no-open')) options.push('--open');
run(process.execPath, [
  'node_modules/vite/bin/vite.js',
  ...options.filter((option) => option !== '--no-open'),
]);
