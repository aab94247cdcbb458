/**
 * Runs the tests of `bicot/distributed` with a real Redis (Debian's redis-server) and workers in processes of their own:
 *
 *     node test/packages/distributed/run.mjs
 *
 * Prints vitest's report, or one `skip` line where there is no redis-server; exits with the status of what it ran.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
if (spawnSync('redis-server', ['--version']).status !== 0) {
  console.log('skip - distributed: there is no redis-server (apt-get install redis-server)');
  process.exit(0);
}
const vitest = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--config',
  'test/packages/distributed/vitest.config.ts',
];
const { status } = spawnSync(process.execPath, [...vitest, ...process.argv.slice(2)], {
  cwd: repository,
  stdio: 'inherit',
});
process.exit(status ?? 1);
