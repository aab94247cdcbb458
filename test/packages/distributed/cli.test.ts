/** `bicot train --redis`, `bicot worker` and `bicot watch` in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fleetLines, watchFleet } from 'bicot/distributed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultServer, startFaultServer } from '../../support/fault-server.js';
import { NO_REDIS, type RedisServer, startRedis } from '../../support/redis-server.js';
import { runRecords } from '../../support/run-records.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bicot-fleet-cli-'));
const PASSWORD = 'not-for-logs';

function bicot(args: readonly string[], during: (child: ChildProcess, out: string) => void = () => {}) {
  const bin = join(root, 'src/node/cli/bin.ts');
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), bin, ...args], {
    cwd: work,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'), NO_COLOR: '1' },
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      out += chunk;
      during(child, out);
    });
  }
  return new Promise<{ status: number | null; out: string }>((resolve) =>
    child.on('close', (status) => resolve({ status, out })),
  );
}

const records = (run: string): string[] => runRecords(join(work, run));

describe.skipIf(NO_REDIS)('a fleet from the command line', { timeout: 240_000 }, () => {
  let server: FaultServer;
  let redis: RedisServer;
  let url: string;
  beforeAll(async () => {
    server = await startFaultServer([]); // always right
    redis = await startRedis(['--requirepass', PASSWORD], { client: { password: PASSWORD } });
    url = `redis://:${PASSWORD}@127.0.0.1:${redis.port}`;
    const rows = ['a red cube', 'a dog'].map((prompt) =>
      JSON.stringify({ prompt, task_type: 'object', nouns: ['thing'] }),
    );
    writeFileSync(join(work, 'prompts.jsonl'), rows.join('\n'));
    const config = {
      model: {
        type: 'janus',
        folder: join(root, 'test/fixtures/janus/original'),
        ...{ lora: { rank: 2 }, system: '', instruction: 'Plan {}.', planTokens: 4, guidance: 2 },
      },
      prompts: 'prompts.jsonl',
      rewards: { remote: { type: 'http', url: server.url } },
      // As many as take some seconds on a fast machine: what a fleet does is told once a second.
      ...{ steps: 20, learningRate: 0.01, groupSize: 2, promptsPerStep: 2, backend: 'wasm' },
      ...{ track: { prompts: 0 } },
    };
    writeFileSync(join(work, 'tiny.json'), JSON.stringify(config));
    writeFileSync(join(work, 'other.json'), JSON.stringify({ ...config, seed: 3 }));
  });
  afterAll(async () => {
    await server.close();
    await redis.stop();
    rmSync(work, { recursive: true, force: true });
  });

  it('gives what one process gives: adapters travel, the model does not', async () => {
    const alone = bicot(['train', 'tiny.json', '--out', 'alone']);
    expect((await alone).status).toBe(0);
    const watch = await watchFleet(url, 'bicot');
    const seen: string[] = [];
    let isOver = false;
    const looking = (async () => {
      for (; !isOver; await new Promise((done) => setTimeout(done, 100))) {
        const status = await watch.look();
        if (status.run && (status.stats?.done ?? 0) > 0) seen.push(fleetLines(status).join('\n'));
      }
      watch.close();
    })();
    const worker = bicot(['worker', '--redis', url, '--config', 'tiny.json', '--once']);
    const fleet = await bicot(['train', 'tiny.json', '--out', 'fleet', '--redis', url]);
    isOver = true;
    await looking;
    expect(fleet.status, fleet.out).toBe(0);
    expect(records('fleet')).toEqual(records('alone'));
    const { status, out } = await worker;
    expect(status, out).toBe(0);
    expect(out).toMatch(/rollout, gradient, reward on wasm .*queue bicot at redis:\/\/127\.0\.0\.1/);
    const last = seen.at(-1) ?? '';
    expect(last).toMatch(/^run [0-9a-f]{12} · rollout, gradient, reward/);
    expect(last).toMatch(/\d+ jobs done .* samples\/s\ngiven again: /);
    expect(last).toMatch(/wasm.* {2}works {2}rollout,gradient,reward/);
    expect(await redis.client.keys('*')).toEqual([]);
    for (const text of [fleet.out, out, last, readFileSync(join(work, 'fleet/config.json'), 'utf8')]) {
      expect(text).not.toContain(PASSWORD);
    }
  });

  it('refuses in words what does not fit, and never says a password', async () => {
    const wrong = `redis://:${PASSWORD}-wrong@127.0.0.1:${redis.port}`;
    const refused = await bicot(['worker', '--redis', wrong, '--config', 'tiny.json']);
    expect(refused.status).toBe(1);
    expect(refused.out).toMatch(/redis:\/\/127\.0\.0\.1:\d+ wants a user and a password, or others/);
    expect(refused.out).not.toContain(PASSWORD);

    let other: Promise<{ status: number | null; out: string }> | undefined;
    const run = bicot(['train', 'tiny.json', '--out', 'waits', '--redis', url], (child, out) => {
      if (!out.includes('no worker for rollout: waiting for one') || other) return;
      other = bicot(['worker', '--redis', url, '--config', 'other.json']);
      void other.then(() => child.kill('SIGINT'));
    });
    expect((await run).status).toBe(130);
    expect((await other)?.out).toMatch(
      /the run has the configuration [0-9a-f]{12}, and this worker [0-9a-f]{12}/,
    );
    expect((await other)?.status).toBe(1);
    expect(await redis.client.keys('*')).toEqual([]);
  });

  it('asks for what is missing', async () => {
    expect((await bicot(['worker', '--redis', url])).out).toMatch(/with which configuration\?/);
    expect((await bicot(['worker', '--config', 'tiny.json'])).out).toMatch(/where is Redis\?/);
    const status = await bicot(['watch', '--redis', url, '--json']);
    expect(JSON.parse(status.out)).toMatchObject({ workers: [], redisBytes: expect.any(Number) });
  });
});
