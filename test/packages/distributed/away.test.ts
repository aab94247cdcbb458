/** A worker whose Redis is away ends when it is told to, with nothing lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startCoordinator, startWorker } from '../../support/fleet.js';
import { NO_REDIS, startRedis } from '../../support/redis-server.js';

describe.skipIf(NO_REDIS)('a worker that is told to end while Redis is away', () => {
  it('does so where it waits for a run', async () => {
    const redis = await startRedis();
    const worker = await startWorker({ url: redis.url, queue: 'away' });
    await worker.says(/no run yet/);
    await redis.stop();
    await worker.says(/is away/);
    worker.kill('SIGTERM');
    expect(await worker.ended).toBe(0);
  });

  it('does so where it serves a run and has nothing to do', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bicot-away-'));
    const redis = await startRedis();
    const place = { url: redis.url, queue: 'away' };
    const worker = await startWorker(place);
    const coordinator = await startCoordinator({ ...place, folder, steps: 1000 });
    await worker.says(/works for the run/);
    coordinator.kill();
    await coordinator.ended;
    // Nobody gives jobs any more; the run's key stays for a while.
    await new Promise((done) => setTimeout(done, 3000));
    await redis.stop();
    await worker.says(/is away/);
    worker.kill('SIGTERM');
    expect(await worker.ended).toBe(0);
    expect(worker.said()).toMatch(/draining/);
    rmSync(folder, { recursive: true, force: true });
  });
});
