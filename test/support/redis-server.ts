/** A Redis of the test's own: a real server, Debian's, on a port of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** Whether there is a `redis-server`; if not, the reason why tests are skipped. */
export const NO_REDIS: string | undefined = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no redis-server (apt-get install redis-server)';
  }
})();

/** A server that can be stopped, killed and started again with what it wrote to its disk. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** A client for looking in. */
  readonly client: Redis;
  /** Ends it as a crash does, and starts it again from its append-only file. */
  restart(pauseMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/** A port that is free. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, host, done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** @param args more options of `redis-server` */
export async function startRedis(
  args: readonly string[] = [],
  {
    host = '127.0.0.1',
    client = {},
    prefix = [],
  }: { host?: string; client?: object; prefix?: readonly string[] } = {},
): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-redis-'));
  const port = await freePort();
  const command = [
    ...prefix,
    ...['redis-server', '--port', String(port), '--bind', host, '--dir', folder, '--save', ''],
    ...['--unixsocket', join(folder, 'socket'), '--protected-mode', 'no'],
    ...['--appendonly', 'yes', '--appendfsync', 'always', '--loglevel', 'warning'],
    ...args,
  ];
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout?.resume();
  };
  await start();
  // Through a file: it looks in wherever the server's network is, and whatever is wrong with it.
  const path = join(folder, 'socket');
  const looking = new Redis({ path, maxRetriesPerRequest: null, retryStrategy: () => 50, ...client });
  looking.on('error', () => {});
  await looking.ping();
  const ended = (): Promise<void> =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise((done) => child.once('exit', () => done()));
  return {
    port,
    url: `redis://${host}:${port}`,
    client: looking,
    async restart(pauseMs = 0) {
      child.kill('SIGKILL');
      await ended();
      await new Promise((done) => setTimeout(done, pauseMs));
      await start();
      await looking.ping();
    },
    async stop() {
      looking.disconnect();
      child.kill('SIGKILL');
      await ended();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
