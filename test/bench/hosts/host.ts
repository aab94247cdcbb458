import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Answer, Answers, Hello, Request } from './protocol.js';

/** A process that runs one implementation. */
export interface Host {
  /** What tells its variants from those of the same name elsewhere, e.g. `Node 24.1.0`; empty if nothing must. */
  readonly suffix: string;
  readonly hello: Hello;
  call<C extends Request['call']>(request: Extract<Request, { call: C }>): Promise<Answers[C]>;
  /** Lets it end by itself. */
  stop(): void;
  /** Ends it now, whatever it does. */
  kill(): void;
}

/** Where the project's own settings (tsconfig.json) are found. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Starts a program that speaks the protocol. @throws Error if it does not */
export async function startHost(
  suffix: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Host> {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const name = [command, ...args].join(' ');
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints = `${complaints}${chunk}`.slice(-4000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  // A program that is not there ends the lines, too.
  child.on('error', (error) => {
    complaints += error.message;
    child.stdout.destroy();
  });
  child.stdin.on('error', () => {});

  async function call<T>(request: Request): Promise<T> {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended during '${request.call}': ${complaints.trim()}`);
    const answer = JSON.parse(value as string) as Answer<T>;
    if ('error' in answer) throw new Error(`${name}: ${answer.error}`);
    return answer.result;
  }
  const hello = await call<Hello>({ call: 'hello' });
  return { suffix, hello, call, stop: () => void child.stdin.end(), kill: () => void child.kill('SIGKILL') };
}

/** The service of a file in this folder, under a Node binary. */
export function startNodeHost(
  suffix: string,
  file: string,
  node: string,
  args: readonly string[],
): Promise<Host> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const tsx = import.meta.resolve('tsx');
  return startHost(suffix, node, ['--import', tsx, path, ...args]);
}
