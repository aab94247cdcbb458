import { BicotError, reasonOf } from '../../errors.js';
import { assertNumber, WHOLE_NUMBER } from '../../options.js';
import { writePatiently } from '../../write-patiently.js';

/** What every logger that writes files can be told. */
export interface WritingOptions {
  /** How often a write that failed (a full disk, a folder that can't be written to) is tried again, with growing pauses. Default 5. */
  readonly retries?: number;
}

/** Waiting does not help: something else is at the path. */
const HOPELESS: readonly unknown[] = ['EISDIR', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EEXIST', 'EINVAL'];

/**
 * How often to try again.
 * @throws BicotError `value`
 */
export function retriesOf(what: string, { retries = 5 }: WritingOptions): number {
  assertNumber(what, 'retries', retries, WHOLE_NUMBER);
  return retries;
}

/**
 * Does something with a file, again after a pause if it fails.
 * @param path the file, for the error
 * @param attempt must leave the file as it was when it fails, or find it out when it is called again
 * @throws BicotError `file` with the path, the cause and what to do, after so many repetitions; at once if waiting can't help
 */
export function patiently<T>(path: string, retries: number, attempt: () => Promise<T>): Promise<T> {
  return writePatiently(
    attempt,
    retries,
    (error, made) => fileError(path, made, error),
    (error) => HOPELESS.includes(codeOf(error)),
  );
}

/** The code of an error of the file system. */
export const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

function fileError(path: string, attempts: number, cause: unknown): BicotError {
  const reason = reasonOf(cause);
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
