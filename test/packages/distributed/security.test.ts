/** Redis with users and TLS, and what comes from it that nobody of the fleet wrote. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { train } from 'bicot';
import { bullmq } from 'bicot/distributed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisOptions } from '../../../src/distributed/connection.js';
import { balanced } from '../../../src/objective/presets.js';
import { type FleetWorkerOptions, startWorker } from '../../support/fleet.js';
import { freePort, type RedisServer, startRedis } from '../../support/redis-server.js';
import { smallTask } from '../../support/small-task.js';
import { smallTransformer } from '../../support/small-transformer.js';

const folder = mkdtempSync(join(tmpdir(), 'bicot-tls-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** An authority of one's own, and what it signed for 127.0.0.1. */
function certificates(): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  openssl(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=bicot test authority'],
    ...['-keyout', at('ca.key'), '-out', at('ca.crt')],
  );
  openssl(
    ...[
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=127.0.0.1',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ],
    ...['-keyout', at('redis.key'), '-out', at('redis.csr')],
  );
  openssl(
    ...['x509', '-req', '-days', '2', '-in', at('redis.csr'), '-CA', at('ca.crt'), '-CAkey', at('ca.key')],
    ...['-CAcreateserial', '-copy_extensions', 'copy', '-out', at('redis.crt')],
  );
}

async function stepsOver(connection: Parameters<typeof bullmq>[0]['connection'], worker: FleetWorkerOptions) {
  const policy = await smallTransformer();
  const process_ = await startWorker({ ...worker, once: true });
  const said: string[] = [];
  const executor = bullmq({ connection, queue: worker.queue, say: (line) => said.push(line) });
  const rewards: number[] = [];
  const options = { ...smallTask(policy), objective: balanced({ klWeight: 0.05 }), learningRate: 1e-2 };
  try {
    for await (const { metrics } of train({ ...options, steps: 1, executor }))
      rewards.push(metrics.reward.mean);
    expect(await process_.ended, process_.said()).toBe(0);
  } finally {
    process_.kill();
    policy.dispose();
  }
  return { rewards, said: said.join('\n') + process_.said() };
}

describe('Redis with a user, a password and TLS', () => {
  let redis: RedisServer;
  let tlsPort: number;
  beforeAll(async () => {
    certificates();
    tlsPort = await freePort();
    redis = await startRedis([
      ...['--port', '0', '--tls-port', String(tlsPort), '--tls-auth-clients', 'no'],
      ...[
        '--tls-cert-file',
        at('redis.crt'),
        '--tls-key-file',
        at('redis.key'),
        '--tls-ca-cert-file',
        at('ca.crt'),
      ],
    ]);
    // Of all keys only those of the queue, and nothing that administrates: what docs/distributed.md recommends.
    const rules = ['on', '>s3cret-word', '~{bicot:guarded}*', '&*', '+@all', '-@dangerous', '+info'];
    await redis.client.call('ACL', 'SETUSER', 'fleet', ...rules);
    await redis.client.call('ACL', 'SETUSER', 'default', 'off');
  });
  afterAll(() => redis.stop());

  it('carries a training', async () => {
    const url = `rediss://fleet:s3cret-word@127.0.0.1:${tlsPort}`;
    const ca = readFileSync(at('ca.crt'), 'utf8');
    const connection = { ...redisOptions(url), tls: { ca } };
    const { rewards, said } = await stepsOver(connection, { url, ca, queue: 'guarded' });
    expect(rewards).toHaveLength(1);
    expect(said).toContain(`rediss://127.0.0.1:${tlsPort}`);
    expect(said).not.toContain('s3cret');
  });

  it.each([
    ['a password that is wrong', 'fleet:s3cret-wrong@', true, /wants a user and a password, or others/],
    ['no password', '', true, /wants a user and a password/],
    [
      'a certificate of nobody known',
      'fleet:s3cret-word@',
      false,
      /can't be reached \(.*(certificate|self.signed)/,
    ],
  ])('refuses %s, in words without secrets', async (_, user, trusted, words) => {
    const url = `rediss://${user}127.0.0.1:${tlsPort}`;
    const ca = readFileSync(at('ca.crt'), 'utf8');
    const connection = trusted ? { ...redisOptions(url), tls: { ca } } : url;
    const policy = await smallTransformer();
    const steps = train({
      ...{ ...smallTask(policy), objective: balanced(), learningRate: 1e-2 },
      executor: bullmq({ connection, queue: 'guarded', say: () => {} }),
    });
    const error = await steps.next().catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: 'worker', message: expect.stringMatching(words) });
    expect(JSON.stringify([(error as Error).message, (error as Error).stack])).not.toContain('s3cret');
    policy.dispose();
  });
});

describe('a job that nobody of the fleet wrote', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it('is refused in words, and the worker goes on', async () => {
    const { Queue } = await import('bullmq');
    const queue = 'alien';
    const policy = await smallTransformer();
    const worker = await startWorker({ url: redis.url, queue, once: true });
    const said: string[] = [];
    const executor = bullmq({ connection: redis.url, queue, say: (line) => said.push(line) });
    const options = { ...smallTask(policy), objective: balanced({ klWeight: 0.05 }), learningRate: 1e-2 };
    const alien = async (): Promise<void> => {
      const run = JSON.parse((await redis.client.get(`{bicot:${queue}}:run`)) as string) as {
        config: string;
      };
      const into = new Queue(`rollout-${run.config.slice(0, 16)}`, {
        connection: redisOptions(redis.url) as never,
        prefix: `{bicot:${queue}}`,
      });
      const sha256 = createHash('sha256').update('x').digest('hex');
      const data = {
        ...{
          protocol: 1,
          config: run.config,
          kind: 'rollout',
          task: 'sample',
          kernels: ['fused', {}],
          units: 1,
        },
        ...{ backlog: 1, weights: { set: 'policy', version: sha256 }, payload: { sha256, bytes: 1, raw: 1 } },
      };
      await into.add('sample', { run: 'rm -rf /' }, { jobId: 'alien-0' });
      await into.add('sample', { ...data, config: sha256 }, { jobId: 'alien-1' });
      await into.add(
        'sample',
        { ...data, payload: { sha256, bytes: 2 ** 40, raw: 2 ** 40 } },
        { jobId: 'alien-2' },
      );
      await redis.client.set(`{bicot:${queue}}:payload:alien`, 'xx');
      await into.close();
    };
    let made = 0;
    for await (const _ of train({ ...options, steps: 2, executor })) if (made++ === 0) await alien();
    expect(made).toBe(2);
    expect(await worker.ended).toBe(0);
    const words = worker.said();
    expect(words).toMatch(/a job was not done: distributed: a job makes no sense/);
    expect(words).toMatch(/it is of the configuration [0-9a-f]{12}, and this worker has/);
    expect(words).toMatch(/the payload of a job is larger than 256 MiB/);
    expect(await redis.client.keys('*')).toEqual([]);
    policy.dispose();
  });
});
