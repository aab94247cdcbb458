/** Two hosts, each a network namespace with an address of its own, and a link that is cut in mid-run. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCoordinator, startWorker } from '../../support/fleet.js';
import { startRedis } from '../../support/redis-server.js';
import { runRecords } from '../../support/run-records.js';

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' });
const tag = String(process.pid);
const [HERE, THERE] = [`bicot-a-${tag}`, `bicot-b-${tag}`] as const;
const CUT_SECONDS = 30;

/** Whether this machine lets its user make namespaces. */
const possible = ((): boolean => {
  try {
    ip('netns', 'add', `${HERE}-try`);
    ip('netns', 'del', `${HERE}-try`);
    return true;
  } catch {
    console.log('skip - network namespaces: this machine makes none (needs root and ip)');
    return false;
  }
})();

describe.skipIf(!possible)('two hosts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-hosts-'));
  beforeAll(() => {
    for (const name of [HERE, THERE]) ip('netns', 'add', name);
    const [a, b] = [`ba${tag}`.slice(0, 15), `bb${tag}`.slice(0, 15)];
    ip('link', 'add', a, 'netns', HERE, 'type', 'veth', 'peer', 'name', b, 'netns', THERE);
    ip('-n', HERE, 'addr', 'add', '10.77.31.1/24', 'dev', a);
    ip('-n', THERE, 'addr', 'add', '10.77.31.2/24', 'dev', b);
    for (const [name, link] of [
      [HERE, a],
      [THERE, b],
    ] as const) {
      ip('-n', name, 'link', 'set', link, 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
  });
  afterAll(() => {
    for (const name of [HERE, THERE]) ip('netns', 'del', name);
    rmSync(folder, { recursive: true });
  });

  it(`go on after their link was cut for ${CUT_SECONDS} s, to the same end`, async () => {
    const on = (name: string): string[] => ['ip', 'netns', 'exec', name];
    const redis = await startRedis([], { host: '10.77.31.1', prefix: on(HERE) });
    const queue = 'hosts';
    const outcome = (name: string): string => {
      const weights = readFileSync(join(folder, name, 'weights.sha256'), 'utf8');
      return [...runRecords(join(folder, name)), weights].join('\n');
    };
    for (const name of ['alone', 'hosts']) mkdirSync(join(folder, name));
    // More than a fast machine makes before the link is down.
    const steps = 40;
    const alone = await startCoordinator({ folder: join(folder, 'alone'), steps });
    expect(await alone.ended, alone.said()).toBe(0);

    const worker = await startWorker({ url: redis.url, queue, once: true }, on(THERE));
    const run = await startCoordinator(
      { folder: join(folder, 'hosts'), steps, url: redis.url, queue, stalledAfter: 5 },
      on(HERE),
    );
    await run.says(/made 0/);
    const link = `bb${tag}`.slice(0, 15);
    ip('-n', THERE, 'link', 'set', link, 'down');
    const before = run.said().match(/made \d/g)?.length ?? 0;
    await new Promise((done) => setTimeout(done, 1000 * CUT_SECONDS));
    const during = (run.said().match(/made \d/g)?.length ?? 0) - before;
    ip('-n', THERE, 'link', 'set', link, 'up');
    expect(await run.ended, run.said()).toBe(0);
    // What was on its way may have arrived; without the link no step can be made whole.
    expect(during).toBeLessThanOrEqual(1);
    expect(run.said()).toMatch(/no worker for .*: waiting for one/);
    expect(outcome('hosts')).toBe(outcome('alone'));
    expect(await worker.ended, worker.said()).toBe(0);
    expect(await redis.client.keys('*')).toEqual([]);
    await redis.stop();
  });
});
