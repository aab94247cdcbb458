/** A few schedules of faults; `faults.ts` makes as many as one likes. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('trainings that everything happens to end as undisturbed ones, or say why not', async () => {
  const script = fileURLToPath(new URL('./faults.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, '--runs', '3', '--seed', '7'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk;
  });
  const status = await new Promise((done) => child.once('exit', done));
  expect(status, out).toBe(0);
  expect(out.match(/^ok - /gm)).toHaveLength(3);
});
