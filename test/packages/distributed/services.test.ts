/**
 * The files of examples/distributed as they are: the command lines of compose.yaml and of the unit for systemd are run with their
 * environment, in a folder as they describe it, on redis-server in the place of Valkey.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Heard, heard } from '../../support/heard.js';
import { installedFolder } from '../../support/installed.js';
import { freePort, NO_REDIS } from '../../support/redis-server.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (name: string): string => readFileSync(join(root, 'examples/distributed', name), 'utf8');
const PASSWORD = 'a-long-word';

/** A service's part of compose.yaml. */
function service(name: string): string {
  const services = read('compose.yaml').split(/^services:$/m)[1] as string;
  return services.split(new RegExp(`^ {2}${name}:$`, 'm'))[1]?.split(/^(?: {2})?\S/m)[0] as string;
}

/** Its command, for a shell: words and variables are read alike. */
function command(name: string): string {
  const folded = /^ {4}command: >-\n((?: {6}.*\n)+)/m.exec(service(name))?.[1];
  const line = /^ {4}command: (?!>)(.*)$/m.exec(service(name))?.[1];
  return (folded ?? line ?? '').replace(/\s+/g, ' ').trim();
}

/** A field of the unit. */
const field = (name: string): string =>
  new RegExp(`^${name}=(.*)$`, 'm').exec(read('bicot-worker.service'))?.[1] as string;

/** What compose.yaml says of all services of bicot. */
const shared = (name: string): string =>
  new RegExp(`^ {2,4}${name}: (.*)$`, 'm').exec(read('compose.yaml'))?.[1] as string;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}
interface Service extends Heard {
  readonly process: ChildProcess;
  readonly ended: Promise<End>;
  /** Ends it, and whatever it left behind. */
  readonly kill: () => void;
}

const started: Service[] = [];

function start(line: string, cwd: string, env: Readonly<Record<string, string>>): Service {
  // exec: signals go to the command itself, as from Docker's init and from systemd.
  const child = spawn('sh', ['-c', `exec ${line}`], {
    ...{ cwd, env: { ...process.env, NO_COLOR: '1', ...env } },
    // A group of its own, so that what a command leaves behind can be ended too.
    detached: true,
  });
  const ended = new Promise<End>((done) =>
    child.once('exit', (code, signal) => {
      // What it said last is still on its way; but something left behind may never close the pipes.
      const late = setTimeout(() => done({ code, signal }), 2000);
      child.once('close', () => {
        clearTimeout(late);
        done({ code, signal });
      });
    }),
  );
  const kill = (): void => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // It has ended, with all that it started.
    }
  };
  const own: Service = { process: child, ended, kill, ...heard(child, ended, line) };
  started.push(own);
  return own;
}

describe.skipIf(NO_REDIS)('examples/distributed', { timeout: 240_000 }, () => {
  const data = mkdtempSync(join(tmpdir(), 'bicot-services-'));
  let folder: string;
  let port: number;
  let env: Readonly<Record<string, string>>;
  let client: Redis;

  beforeAll(async () => {
    folder = await installedFolder('services');
    copyFileSync(join(root, 'test/packages/consumer/project/run.config.ts'), join(folder, 'run.config.ts'));
    port = await freePort();
    const address = shared('BICOT_REDIS')
      .replace(/\$\{BICOT_PASSWORD:\?.*?\}/, PASSWORD)
      .replace('@queue:6379', `@127.0.0.1:${port}`);
    env = { BICOT_REDIS: address };
    const queue = command('queue').replace(/^valkey-server/, 'redis-server');
    start(`${queue} --port ${port}`, data, { BICOT_PASSWORD: PASSWORD });
    client = new Redis({ port, username: 'fleet', password: PASSWORD, retryStrategy: () => 100 });
    client.on('error', () => {});
    await client.ping();
  });
  afterAll(async () => {
    client.disconnect();
    for (const { kill } of started) kill();
    await Promise.all(started.map(({ ended }) => ended));
    for (const path of [folder, data]) rmSync(path, { recursive: true, force: true });
  });

  it('has a queue that is locked, keeps what it has, and refuses what does not fit', async () => {
    expect(await client.call('ACL', 'WHOAMI')).toBe('fleet');
    const info = await client.info();
    expect(info).toMatch(/aof_enabled:1/);
    expect(info).toMatch(/maxmemory_policy:noeviction/);
    expect(info).toMatch(/maxmemory:2147483648/);
    await expect(client.set('other', '1')).rejects.toThrow(/NOPERM/);
    await expect(client.flushall()).rejects.toThrow(/NOPERM/);
    const stranger = new Redis({ port, lazyConnect: true, retryStrategy: () => null });
    stranger.on('error', () => {});
    await expect(stranger.set('{bicot:bicot}:run', '1')).rejects.toThrow(/NOAUTH/);
    stranger.disconnect();
  });

  it('trains: the coordinator gives to a worker that drains at SIGTERM, and then to that of the unit', async () => {
    const coordinator = start(`${command('coordinator')} --set steps=12`, folder, env);
    const worker = start(command('worker'), folder, env);
    await coordinator.says(/step 1\/12/);
    worker.process.kill('SIGTERM');
    expect(await worker.ended, worker.said()).toEqual({ code: 0, signal: null });
    expect(worker.said()).toMatch(/works for the run[\s\S]*draining: what is under way is finished/);

    // The unit's; its certificates are for TLS, which security.test.ts has.
    const home = field('WorkingDirectory');
    const unit = field('ExecStart')
      .replaceAll(home, folder)
      .replace(/ --ca \S+/, '');
    const signal = field('KillSignal') as NodeJS.Signals;
    const other = start(unit, folder, env);
    await other.says(/works for the run/);
    expect(await coordinator.ended, coordinator.said()).toEqual({ code: 0, signal: null });
    other.process.kill(signal);
    const patience = new Promise((done) => setTimeout(done, 1000 * Number(field('TimeoutStopSec'))).unref());
    expect(await Promise.race([other.ended, patience]), other.said()).toEqual({ code: 0, signal: null });
    expect(await client.dbsize()).toBe(0);
  });

  it('can be stopped: the coordinator saves at SIGTERM, and resumes as compose.yaml says', async () => {
    const worker = start(command('worker'), folder, env);
    const out = ['--set', 'out=runs/stopped', '--set', 'steps=12'].join(' ');
    const coordinator = start(`${command('coordinator')} ${out}`, folder, env);
    await coordinator.says(/step 1\/12/);
    coordinator.process.kill('SIGTERM');
    expect(await coordinator.ended, coordinator.said()).toEqual({ code: 130, signal: null });
    const resume = /docker compose run coordinator (.*)$/m.exec(read('compose.yaml'))?.[1] as string;
    const again = start(resume.replace('runs/run', 'runs/stopped'), folder, env);
    expect(await again.ended, again.said()).toEqual({ code: 0, signal: null });
    expect(again.said()).toMatch(/step 12\/12/);
    worker.process.kill('SIGTERM');
    expect(await worker.ended, worker.said()).toEqual({ code: 0, signal: null });
  });

  it('has a compose.yaml that Compose understands', ({ skip }) => {
    const compose = [['docker', 'compose'], ['docker-compose']].find(
      ([name = '', ...args]) => spawnSync(name, [...args, 'version']).status === 0,
    );
    if (!compose) return skip('there is no Docker Compose (apt-get install docker-compose)');
    const [name = '', ...args] = compose;
    const config = [...args, '-f', join(root, 'examples/distributed/compose.yaml'), 'config'];
    const given = { ...process.env, BICOT_PASSWORD: PASSWORD };
    const read = execFileSync(name, config, { encoding: 'utf8', env: given });
    expect(read).toContain(`redis://fleet:${PASSWORD}@queue:6379`);
    const { BICOT_PASSWORD: _, ...without } = given;
    expect(spawnSync(name, config, { env: without }).status).not.toBe(0);
  });

  it('has a unit that systemd understands', ({ skip }) => {
    if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
      return skip('there is no systemd-analyze (apt-get install systemd)');
    }
    const unit = join(data, 'bicot-worker.service');
    writeFileSync(unit, read('bicot-worker.service').replaceAll(field('WorkingDirectory'), folder));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});
