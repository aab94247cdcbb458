import { pauseBefore, sleep } from '../../backoff.js';
import { BicotError } from '../../errors.js';
import { assertNumber, type NumberRule } from '../../options.js';

/** What every logger that writes files can be told. */
export interface WritingOptions {
  /** How often a write that failed (a full disk, a folder that can't be written to) is tried again, with growing pauses. Default 5. */
  readonly retries?: number;
}

/** Pauses between attempts to write, in milliseconds. */
const PAUSES = { first: 250, most: 5000 };

/** Waiting does not help: something else is at the path. */
const HOPELESS: readonly unknown[] = ['EISDIR', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EEXIST', 'EINVAL'];

const COUNT: NumberRule = {
  words: 'a whole number, 0 or more',
  test: (value) => Number.isSafeInteger(value) && value >= 0,
};

/**
 * How often to try again.
 * @throws BicotError `value`
 */
export function retriesOf(what: string, { retries = 5 }: WritingOptions): number {
  assertNumber(what, 'retries', retries, COUNT);
  return retries;
}

/**
 * Does something with a file, again after a pause if it fails.
 * @param path the file, for the error
 * @param attempt must leave the file as it was when it fails, or find it out when it is called again
 * @throws BicotError `file` with the path, the cause and what to do, after so many repetitions; at once if waiting can't help
 */
export async function patiently<T>(path: string, retries: number, attempt: () => Promise<T>): Promise<T> {
  for (let made = 1; ; made++) {
    try {
      return await attempt();
    } catch (error) {
      if (made > retries || HOPELESS.includes(codeOf(error))) throw fileError(path, made, error);
    }
    await sleep(pauseBefore(made, PAUSES));
  }
}

/** The code of an error of the file system. */
export const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

function fileError(path: string, attempts: number, cause: unknown): BicotError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const times = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return new BicotError('file', `${path} could not be written in ${times} (${reason}). ${advice(cause)}`, {
    cause,
  });
}

function advice(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return 'Make room on the disk, or log to another one. What was written before is whole.';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'Mend the permissions of the file and its folder, or log to a folder that you may write to.';
    case 'EISDIR':
      return 'There is a folder of that name: remove it, or pass another path.';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'Where a folder is needed, there is a file: remove it, or pass another path.';
    default:
      return 'Check the path and the disk. What was written before is whole.';
  }
}
