import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { BicotError } from '../../errors.js';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where and how a program runs. */
export interface RunOptions {
  readonly folder?: string;
  readonly environment: Environment;
  /** Ends the program when the user gives up. */
  readonly signal?: AbortSignal;
}

/** What became of a program. */
export interface Finished {
  readonly succeeded: boolean;
  /** What it wrote to its standard output. */
  readonly printed: string;
  /** That and what it wrote to its error output, in the order it came. */
  readonly log: string;
}

/**
 * Runs a program to its end and keeps what it prints. A program that fails, or cannot be started, is a result.
 * @throws BicotError `aborted` if the signal ended it
 */
export function runProgram(
  program: string,
  args: readonly string[],
  { folder, environment, signal }: RunOptions,
): Promise<Finished> {
  return new Promise((finish, fail) => {
    const child = spawn(program, args, {
      cwd: folder,
      env: environment as NodeJS.ProcessEnv,
      signal,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    let log = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      log += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    let started = true;
    child.on('error', (error) => {
      log += `${error.message}\n`;
      started &&= child.pid !== undefined;
      if (!started) finish({ succeeded: false, printed, log });
    });
    child.on('close', (status) => {
      if (signal?.aborted) fail(new BicotError('aborted', `${program} was interrupted.`));
      else finish({ succeeded: started && status === 0, printed, log });
    });
  });
}

/** The path of a program, looked up as a shell would; undefined if there is none. */
export function findProgram(program: string, environment: Environment): string | undefined {
  const candidates = program.includes('/')
    ? [resolve(program)]
    : (environment.PATH ?? '').split(delimiter).map((folder) => resolve(folder, program));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

/** The last lines of a log that say something, indented, to stand below a message. */
export function lastLines(log: string, count = 15): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  return lines
    .slice(-count)
    .map((line) => `  ${line}`)
    .join('\n');
}
