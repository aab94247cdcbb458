import { BicotError } from '../../errors.js';

/**
 * A model folder that can't be used.
 * @param where the folder or file
 * @param what is wrong with it, without a full stop
 * @param advice what to do
 */
export function checkpointError(where: string, what: string, advice: string, cause?: unknown): BicotError {
  return new BicotError('checkpoint', `${where}: ${what}. ${advice}`, { cause });
}

/** What to do about a file that is not whole. */
export const FETCH_AGAIN = 'The file is truncated or was damaged; fetch or save it again.';

/** A file that has fewer bytes than were asked for. */
export function endsEarly(file: string, begin: number, end: number, bytes: number): BicotError {
  return checkpointError(
    file,
    `bytes ${begin}–${end} were asked for, but it ends after ${bytes}`,
    FETCH_AGAIN,
  );
}

/**
 * Folders are flat: a name that leads elsewhere, as an index from a stranger may hold one, is refused.
 * @throws BicotError `checkpoint`
 */
export function assertFileName(folder: string, file: string): void {
  if (/^[^/\\\0]+$/.test(file) && file !== '.' && file !== '..') return;
  throw checkpointError(
    folder,
    `${JSON.stringify(file)} is no file of this folder`,
    'Files are named without a path; correct the name.',
  );
}

/** Throws unless `[begin, end)` is a range of bytes. @throws BicotError `value` */
export function assertByteRange(file: string, begin: number, end: number): void {
  if (Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= 0 && end >= begin) return;
  throw new BicotError(
    'value',
    `${file}: bytes ${begin} to ${end} are no range; pass whole numbers, 0 ≤ begin ≤ end.`,
  );
}
