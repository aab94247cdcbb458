import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ROOT } from './machine.js';

/** Until when things may take. */
export interface Deadline {
  /** Milliseconds; never below 0. */
  left(): number;
  /** What an unfinished entry says. */
  readonly reason: string;
}

/** A deadline from now. */
export function deadlineIn(minutes: number): Deadline {
  const end = performance.now() + minutes * 60_000;
  return {
    left: () => Math.max(0, end - performance.now()),
    reason: `stopped after ${minutes} minutes (--minutes)`,
  };
}

/** A part of the time that is left, so that something is left for what comes after. @param count things to do yet */
export function shareOf(deadline: Deadline, count: number): Deadline {
  const end = performance.now() + deadline.left() * (count > 1 ? 0.7 : 1);
  return {
    left: () => Math.min(deadline.left(), Math.max(0, end - performance.now())),
    reason: deadline.reason,
  };
}

/** How a program is run. */
export interface ProgramOptions {
  readonly deadline: Deadline;
  /** Default: the project's folder. */
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Is given each line of its stdout. */
  readonly onLine: (line: string) => void;
}

/** How it ended. */
export interface Ended {
  /** Why it is not finished: its last complaints, or the deadline. Absent if it ended well. */
  readonly failed?: string;
}

const running = new Set<ChildProcess>();
/** With all that it started; Windows has no groups of processes. */
function kill(child: ChildProcess): void {
  try {
    if (process.platform === 'win32' || child.pid === undefined) child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
process.on('exit', () => running.forEach(kill));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Runs a program to its end or the deadline; it is never left behind. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<Ended> {
  const { deadline, cwd = ROOT, env, onLine } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...{ cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
      detached: process.platform !== 'win32',
    });
    running.add(child);
    let complaints = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      kill(child);
    }, deadline.left());
    child.stderr.on('data', (chunk) => {
      complaints = `${complaints}${chunk}`.slice(-2000);
    });
    createInterface({ input: child.stdout }).on('line', onLine);
    const end = (failed?: string): void => {
      clearTimeout(timer);
      running.delete(child);
      resolve(failed === undefined ? {} : { failed });
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => {
      if (late) end(deadline.reason);
      else if (code === 0) end();
      else end(`ended with ${code ?? signal}: ${complaints.trim().split('\n').slice(-5).join('\n')}`);
    });
  });
}

/** A TypeScript program of this project under this Node. */
export const nodeProgram = (file: URL, args: readonly string[]): [command: string, args: string[]] => [
  process.execPath,
  ['--import', import.meta.resolve('tsx'), file.pathname, ...args],
];
